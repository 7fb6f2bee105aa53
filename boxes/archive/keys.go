package archive

import (
	"bytes"
	"encoding/json"
	"strings"
)

// foldDepth is how deep a configuration's keys are names of the format, which decoders take in upper and lower case. Below
// that they are labels and the like.
const foldDepth = 2

// uniqueKeys is false for JSON that has a key twice in one object, which two decoders may read as two things.
func uniqueKeys(data []byte) bool {
	type level struct {
		keys  map[string]bool // nil: a list
		value bool            // the next token is a value, not a key
	}
	var levels []level
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return true // its end, or what the decoder will refuse
		}
		at := len(levels) - 1
		if key, is := token.(string); is && at >= 0 && levels[at].keys != nil && !levels[at].value {
			if len(levels) <= foldDepth {
				key = strings.ToLower(key)
			}
			if levels[at].keys[key] {
				return false
			}
			levels[at].keys[key], levels[at].value = true, true
			continue
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{keys: map[string]bool{}})
			continue
		case json.Delim('['):
			levels = append(levels, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:at]
		}
		if n := len(levels); n > 0 {
			levels[n-1].value = false
		}
	}
}
