// Package fake is an engine without containers: honest state in memory, or in a file that several processes share. It
// keeps what real engines keep and refuses what they refuse: names of networks are not unique, a start fails on a port
// that is taken and on a network or folder that is gone, an update cannot take a limit away, volumes keep their first
// labels. What boxes run is interpreted by a very small shell (shell.go says what it knows) over a file system of maps.
// Decorators (Intercept and its hooks) fail, hang, count or end the process at a chosen call, of any driver.
//
// It knows the driver's contract and how engines behave; it must not know who drives it, and no test's expectations.
package fake
