// Package boxes finds box definitions: in the catalogue that is built into envy, and in directories of the checkout. It
// knows what `from` may name and where a definition's files lie; it must not know engines, plans, or what a definition
// says, which is the language's business.
package boxes
