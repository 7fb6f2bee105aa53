// Package config is the Envfile language: it turns the bytes of an Envfile (HCL's native or JSON syntax) and of
// Envfile.local into a Project, a tree of checked values in which every part knows the place it was written at.
//
// It knows the schema, the layers and how they merge, expressions and their functions, variables, every rule on names
// and values, and which entries reach outside the project (the gate list). It must not know engines, images, the lock
// file, or the host: files are read through the Checkout interface, the environment and every fact of the host are
// values of Values, and the only clock is the deadline of evaluation.
//
// Parse does what does not depend on values (syntax, schema, merge); File.Evaluate may then be called again with other
// known ports at little cost.
package config
