// Package term is the terminal as a value: the three standard streams with what is known of each (is it a terminal,
// how wide, may it be coloured), prompts, raw mode and resize notifications.
//
// It knows file descriptors and the environment's conventions (NO_COLOR, CLICOLOR_FORCE, TERM, CI). It must not know
// what is written, and does not make text from outside safe to show: that is the view's. It imports nothing of envy
// and never reads the environment or a standard stream by itself, so that tests put their own in place.
package term
