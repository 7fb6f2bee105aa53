//go:build !race

package main

// underRace: the race detector takes several times the memory and the time.
const underRace = false
