package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errUnit = errors.New("not a quantity")

// parseDuration reads "30s", "1m30s", "500ms"; durations are never negative and at most 24 days, which every engine's
// integers hold.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 24*24*time.Hour {
		return 0, errUnit
	}
	return d, nil
}

// parseSize reads bytes as Docker's command line does: "512m", "2g", "1.5g", "64kb", powers of 1024.
func parseSize(s string) (int64, error) {
	t := strings.ToLower(s)
	t = strings.TrimSuffix(t, "b")
	t = strings.TrimSuffix(t, "i")
	unit := float64(1)
	if n := len(t); n > 0 {
		if i := strings.IndexByte("kmgt", t[n-1]); i >= 0 {
			unit = math.Pow(1024, float64(i+1))
			t = t[:n-1]
		}
	}
	v, err := strconv.ParseFloat(t, 64)
	if err != nil || strings.ContainsAny(t, "+-xepin_") {
		return 0, errUnit
	}
	v *= unit
	if v < 0 || v >= math.MaxInt64 {
		return 0, errUnit
	}
	return int64(v), nil
}

// splitWords splits a command as a POSIX shell splits words: blanks, quotes and backslashes, nothing else.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote == '\'' && r != '\'':
			word.WriteRune(r)
		case r == '\\' && i+1 < len(runes) && (quote == 0 || strings.ContainsRune(`"\$`+"`", runes[i+1])):
			i++
			if runes[i] != '\n' {
				word.WriteRune(runes[i])
				inWord = true
			}
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
