// Package recipe turns packages and setups on a base image into a build: the Dockerfile for BuildKit, one for the
// classic builder that ends in the same files, the context that goes with each, and the hash that addresses the result.
// It also filters and streams the context of a build {} block. It knows package managers and Dockerfiles; it must not
// know any engine's API, the Envfile's syntax, the clock or the host's files: a context comes to it as an fs.FS.
//
// Nothing that a person wrote is put between the words of a Dockerfile. Scripts, values and package names are files of
// the context, quoted for the shell where the shell has to read them.
package recipe
