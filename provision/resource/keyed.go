package resource

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Keyed is the stand-in for a sensitive value: an HMAC with a key of the user's, behind eight digits that tell which key
// it was. Without a key it says nothing at all (§2, Sensitive).
func Keyed(key []byte, value string) string {
	if len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(value))
	return Digest(string(key))[:8] + ":" + hex.EncodeToString(mac.Sum(nil))
}

// IsKeyed reports whether a hash stands in for a sensitive value.
func IsKeyed(hash string) bool { return hash == "" || strings.Contains(hash, ":") }

// SameKey reports whether two hashes can be compared: plain ones always, keyed ones when they name one key.
func SameKey(a, b string) bool {
	ka, _, keyedA := strings.Cut(a, ":")
	kb, _, keyedB := strings.Cut(b, ":")
	switch {
	case a == "" || b == "":
		return false
	case keyedA && keyedB:
		return ka == kb
	}
	return true
}
