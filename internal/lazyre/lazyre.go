// Package lazyre has regular expressions that are compiled when they are first used. A command uses few of those that
// stand in its packages, and compiling all of them is work at every start. It must not grow beyond that.
package lazyre

import (
	"regexp"
	"sync"
)

// Regexp is a regular expression as a package variable holds it. It may be used by several goroutines at once.
type Regexp struct{ compiled func() *regexp.Regexp }

// New takes the expression's text. One that is none panics at its first use, as [regexp.MustCompile] does.
func New(text string) Regexp {
	return Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
}

// MatchString is the method of [regexp.Regexp].
func (r Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }

// FindStringSubmatch is the method of [regexp.Regexp].
func (r Regexp) FindStringSubmatch(s string) []string { return r.compiled().FindStringSubmatch(s) }

// FindAllStringSubmatch is the method of [regexp.Regexp].
func (r Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return r.compiled().FindAllStringSubmatch(s, n)
}

// FindAllStringIndex is the method of [regexp.Regexp].
func (r Regexp) FindAllStringIndex(s string, n int) [][]int {
	return r.compiled().FindAllStringIndex(s, n)
}
