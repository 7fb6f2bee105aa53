// Package agent is envy's part inside a box: PID 1, which makes the user,
// starts the command at the right moment and reaps, and the verbs that envy
// runs beside it to enter the box, write files, provision and wait for health.
//
// It knows Linux and the file system it finds itself in, be that an image with
// a distribution or one with a single program and no shell, no /etc/passwd and
// no /tmp. It must not know the engine, the Envfile or why it is asked to do
// something; what it is told is in package wire.
//
// Every path goes through a prefix, so that tests work on a directory.
package agent
