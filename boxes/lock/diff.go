package lock

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Diff says what is another in new than in old, a line for each, sorted: "+" is new, "-" is gone, "~" has changed.
func Diff(old, new Lock) []string {
	var lines []string
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	compare(old.Archives, new.Archives, compareArchives, func(a Archive) string { return "archive " + a.Source }, Archive.told, line)
	compare(old.Boxes, new.Boxes, compareBoxes, func(b Box) string { return fmt.Sprintf("box %s (%s)", b.Source, b.asked()) }, Box.told, line)
	compare(old.Images, new.Images, compareImages, func(i Image) string { return "image " + i.Reference }, Image.told, line)
	diffPlatforms(old, new, line)
	diffPackages(old, new, line)
	return lines
}

func compare[T any](old, new []T, order func(a, b T) int, name, told func(T) string, line func(string, ...any)) {
	for _, key := range union(old, new, order) {
		a, before := find(old, key, order)
		b, after := find(new, key, order)
		switch {
		case !before:
			line("+ %s: %s", name(b), told(b))
		case !after:
			line("- %s: %s", name(a), told(a))
		case told(a) != told(b):
			line("~ %s: %s -> %s", name(b), told(a), told(b))
		}
	}
}

// union is both lists, sorted, what is for the same once.
func union[T any](a, b []T, order func(a, b T) int) []T {
	all := sorted(slices.Concat(a, b), order)
	return slices.CompactFunc(all, func(a, b T) bool { return order(a, b) == 0 })
}

func (a Archive) told() string { return a.Checksum }

func (b Box) told() string {
	_, name, ok := strings.Cut(b.Reference, "/")
	if _, short, cut := strings.Cut(name, "/"); ok && cut {
		name = short
	}
	if name == "" {
		return fmt.Sprintf("commit %s, content %s", b.Commit, b.Hash)
	}
	return fmt.Sprintf("%s, commit %s, content %s", name, b.Commit, b.Hash)
}

func (i Image) told() string {
	if i.Local {
		return "local"
	}
	return i.Digest
}

// diffPlatforms tells of platforms only where the digest of all is the same: otherwise they are others too.
func diffPlatforms(old, new Lock, line func(string, ...any)) {
	for _, b := range sorted(new.Images, compareImages) {
		a, ok := old.FindImage(b.Reference)
		if !ok || a.told() != b.told() {
			continue
		}
		diffTexts("image "+b.Reference, a.Platforms, b.Platforms, line)
	}
}

func diffPackages(old, new Lock, line func(string, ...any)) {
	for _, key := range union(old.Packages, new.Packages, comparePackages) {
		a, _ := find(old.Packages, key, comparePackages)
		b, _ := find(new.Packages, key, comparePackages)
		for _, platform := range keys(a.Platforms, b.Platforms) {
			what := fmt.Sprintf("packages %s on %s", key.Recipe, platform)
			switch was, is := len(a.Platforms[platform]), len(b.Platforms[platform]); { // hundreds of them say nothing
			case was == 0 && is == 0:
				continue
			case was == 0:
				line("+ %s: %d version%s", what, is, plural(is))
				continue
			case is == 0:
				line("- %s: %d version%s", what, was, plural(was))
				continue
			}
			diffTexts(what, a.Platforms[platform], b.Platforms[platform], line)
		}
	}
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func diffTexts(what string, old, new map[string]string, line func(string, ...any)) {
	for _, name := range keys(old, new) {
		a, before := old[name]
		b, after := new[name]
		switch {
		case !before:
			line("+ %s: %s %s", what, name, b)
		case !after:
			line("- %s: %s %s", what, name, a)
		case a != b:
			line("~ %s: %s %s -> %s", what, name, a, b)
		}
	}
}

func keys[V any](a, b map[string]V) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, m := range []map[string]V{a, b} {
			for k := range maps.Keys(m) {
				if !yield(k) {
					return
				}
			}
		}
	}))
}
