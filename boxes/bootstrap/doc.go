// Package bootstrap makes a base image of a Debian-like distribution out of its package mirror: it reads the host's apt
// configuration, verifies the mirror's signed metadata, chooses the packages of a minimal system, fetches them, and
// gives what an engine needs to finish the work: a file system in which dpkg runs, as one tar stream, and the script
// that installs everything in there with the distribution's own tools.
//
// Whatever a mirror sends is hostile until it is verified: nothing is believed but what the signed release file vouches
// for, every size is bounded before it is read, and packages are never unpacked on the host. The package must not know
// an engine, nor touch the host's files: what it reads and keeps goes through the interfaces [Store] and [Memory], and
// bytes that are given to it.
package bootstrap
