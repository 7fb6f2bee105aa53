package signature_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/signature"
)

// shelf is a registry as plain as can be: what is pushed is there.
type shelf struct {
	mu   sync.Mutex
	have map[string]string // by path below the repository
}

func newShelf(t *testing.T) (s *shelf, c *registry.Client, repo string) {
	t.Helper()
	s = &shelf{have: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c = registry.New(registry.Config{Agent: "envy/test", Pause: time.Millisecond})
	t.Cleanup(func() { _ = c.Close() })
	return s, c, strings.TrimPrefix(server.URL, "http://") + "/team/x"
}

// ServeHTTP implements http.Handler.
func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/v2/team/x/")
	switch r.Method {
	case http.MethodPost:
		w.Header().Set("Location", "/v2/team/x/blobs/uploads/1")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		sent, _ := io.ReadAll(r.Body) // what is cut off fails by its digest
		if digest := r.URL.Query().Get("digest"); digest != "" {
			key = "blobs/" + digest
		}
		s.have[key] = string(sent)
		w.WriteHeader(http.StatusCreated)
	default:
		data, ok := s.have[key]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if strings.HasPrefix(key, "manifests/") {
			var kind struct {
				MediaType string `json:"mediaType"`
			}
			_ = json.Unmarshal([]byte(data), &kind) // the client's to refuse
			w.Header().Set("Content-Type", kind.MediaType)
		}
		fmt.Fprint(w, data)
	}
}

func (s *shelf) put(data string) (digest string) {
	digest = digestOf(data)
	s.have["blobs/"+digest], s.have["manifests/"+digest] = data, data
	return digest
}

func digestOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func tagOf(digest string) string { return "manifests/" + strings.Replace(digest, ":", "-", 1) + ".sig" }

func signerOf(t *testing.T, key crypto.Signer) signature.Signer {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signature.ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSigner(t *testing.T) signature.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(t, key)
}

func unsigned(err error) bool {
	_, ok := errors.AsType[*signature.UnsignedError](err)
	return ok
}

func TestSignAndCheck(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := newSigner(t)
	for name, own := range map[string]signature.Signer{"P-256": newSigner(t), "P-384": signerOf(t, big), "Ed25519": signerOf(t, ed)} {
		t.Run(name, func(t *testing.T) {
			s, c, repo := newShelf(t)
			image := s.put(`{"image":1}`)
			check := func(ref, digest string, keys ...signature.Key) error {
				return signature.Check(t.Context(), c, ref, digest, keys)
			}
			if err := check(repo+":1", image, own.Key()); !unsigned(err) || !strings.Contains(err.Error(), "nobody has signed") {
				t.Errorf("before anybody signed: %v", err)
			}
			for range 2 { // twice is no harm
				if err := signature.Sign(t.Context(), c, repo+":1", image, other); err != nil {
					t.Fatal(err)
				}
			}
			if err := check(repo+":1", image, own.Key()); !unsigned(err) || !strings.Contains(err.Error(), "only others or in another form (2)") {
				t.Errorf("signed by another: %v", err)
			}
			if err := signature.Sign(t.Context(), c, repo+":1", image, own); err != nil {
				t.Fatal(err)
			}
			for what, keys := range map[string][]signature.Key{"own": {own.Key()}, "the one before": {other.Key()}, "both": {other.Key(), own.Key()}} {
				if err := check(repo+":1", image, keys...); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := check(repo+"@"+image, image); !unsigned(err) {
				t.Errorf("no keys: %v", err)
			}
			// The same signatures beside another image.
			evil := s.put(`{"image":2}`)
			s.have[tagOf(evil)] = s.have[tagOf(image)]
			if err := check(repo+":1", evil, own.Key()); !unsigned(err) {
				t.Errorf("another image under somebody's signature: %v", err)
			}
		})
	}
}

// An index that was signed speaks for what it lists, and for nothing else.
func TestIndex(t *testing.T) {
	s, c, repo := newShelf(t)
	own := newSigner(t)
	member := s.put(`{"image":1}`)
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":11}]}`, member)
	digest := s.put(index)
	s.have["manifests/1"] = index
	if err := signature.Check(t.Context(), c, repo+":1", member, []signature.Key{own.Key()}); !unsigned(err) {
		t.Errorf("not signed: %v", err)
	}
	if err := signature.Sign(t.Context(), c, repo+":1", digest, own); err != nil {
		t.Fatal(err)
	}
	if err := signature.Check(t.Context(), c, repo+":1", member, []signature.Key{own.Key()}); err != nil {
		t.Errorf("signed: %v", err)
	}
	if err := signature.Check(t.Context(), c, repo+":1", s.put(`{"image":2}`), []signature.Key{own.Key()}); !unsigned(err) {
		t.Errorf("not in the index: %v", err)
	}
}

// Of too many signatures the oldest goes.
func TestMany(t *testing.T) {
	s, c, repo := newShelf(t)
	first, last := newSigner(t), newSigner(t)
	image := s.put(`{}`)
	for i := range signature.MaxSignatures + 1 {
		by := last
		if i == 0 {
			by = first
		}
		if err := signature.Sign(t.Context(), c, repo, image, by); err != nil {
			t.Fatal(err)
		}
	}
	if err := signature.Check(t.Context(), c, repo, image, []signature.Key{first.Key()}); !unsigned(err) {
		t.Errorf("the first: %v", err)
	}
	if err := signature.Check(t.Context(), c, repo, image, []signature.Key{last.Key()}); err != nil {
		t.Errorf("the last: %v", err)
	}
}

// Whatever a registry says, only a key's own word counts.
func TestHostile(t *testing.T) {
	own := newSigner(t)
	for name, change := range map[string]func(s *shelf, image, text, sign string) string{
		"another text": func(s *shelf, _, text, sign string) string {
			return manifestOf(s, strings.Replace(text, "cosign", "Cosign", 1), sign, "")
		},
		"another signature": func(s *shelf, _, text, sign string) string { return manifestOf(s, text, "AAAA"+sign, "") },
		"no signature":      func(s *shelf, _, text, _ string) string { return manifestOf(s, text, "", "") },
		"no base64":         func(s *shelf, _, text, sign string) string { return manifestOf(s, text, "%"+sign, "") },
		"another form":      func(s *shelf, _, text, sign string) string { return manifestOf(s, text, sign, "text/plain") },
		"no layers":         func(*shelf, string, string, string) string { return manifest("") },
		"a thousand": func(s *shelf, _, text, sign string) string {
			return manifest(strings.TrimSuffix(strings.Repeat(layerOf(s, text, sign, "")+",", 900), ","))
		},
		"too large": func(s *shelf, _, text, sign string) string {
			return strings.Replace(manifestOf(s, text, sign, ""), fmt.Sprintf(`"size":%d`, len(text)), `"size":99999`, 1)
		},
		"an index": func(_ *shelf, image, _, _ string) string {
			return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
		},
		"no manifest": func(*shelf, string, string, string) string { return `[` },
		"blob is gone": func(s *shelf, _, text, sign string) string {
			m := manifestOf(s, text, sign, "")
			delete(s.have, "blobs/"+digestOf(text))
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, repo := newShelf(t)
			image := s.put(`{}`)
			if err := signature.Sign(t.Context(), c, repo, image, own); err != nil {
				t.Fatal(err)
			}
			var m struct {
				Layers []struct {
					Digest      string            `json:"digest"`
					Annotations map[string]string `json:"annotations"`
				} `json:"layers"`
			}
			if err := json.Unmarshal([]byte(s.have[tagOf(image)]), &m); err != nil || len(m.Layers) != 1 {
				t.Fatal(err, s.have[tagOf(image)])
			}
			text, sign := s.have["blobs/"+m.Layers[0].Digest], m.Layers[0].Annotations["dev.cosignproject.cosign/signature"]
			s.have[tagOf(image)] = manifestOf(s, text, sign, "")
			if err := signature.Check(t.Context(), c, repo, image, []signature.Key{own.Key()}); err != nil {
				t.Fatalf("unchanged: %v", err)
			}
			s.have[tagOf(image)] = change(s, image, text, sign)
			if err := signature.Check(t.Context(), c, repo, image, []signature.Key{own.Key()}); err == nil {
				t.Error("it counts")
			}
		})
	}
	// The right key, but for something else than an image of that digest.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, c, repo := newShelf(t)
	image := s.put(`{}`)
	for _, text := range []string{
		image, `{}`, `{"critical":{"image":{"docker-manifest-digest":"` + image + `"},"type":"a letter"}}`,
		`{"critical":{"image":{"docker-manifest-digest":"` + digestOf("x") + `"},"type":"cosign container image signature"}}`,
	} {
		sum := sha256.Sum256([]byte(text))
		sign, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		s.have[tagOf(image)] = manifestOf(s, text, base64.StdEncoding.EncodeToString(sign), "")
		if err := signature.Check(t.Context(), c, repo, image, []signature.Key{signerOf(t, key).Key()}); !unsigned(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := signature.Check(ctx, c, repo, image, nil); err == nil || unsigned(err) {
		t.Errorf("ended: %v", err)
	}
}

func layerOf(s *shelf, text, sign, kind string) string {
	if kind == "" {
		kind = "application/vnd.dev.cosign.simplesigning.v1+json"
	}
	return fmt.Sprintf(`{"mediaType":%q,"size":%d,"digest":%q,"annotations":{"dev.cosignproject.cosign/signature":%q}}`, kind, len(text), s.put(text), sign)
}

func manifest(layers string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"x","size":2,"digest":%q},"layers":[%s]}`, digestOf("{}"), layers)
}

func manifestOf(s *shelf, text, sign, kind string) string {
	return manifest(layerOf(s, text, sign, kind))
}

// What cosign 2.4 wrote for an image, with a key pair of its own.
func TestCosign(t *testing.T) {
	const (
		image = "sha256:f7a4414c3babef6eda454abb49ec60e75f1b17f154544fedfe21a8f803dc619a"
		text  = `{"critical":{"identity":{"docker-reference":"127.0.0.1:5911/team/x"},"image":{"docker-manifest-digest":"sha256:f7a4414c3babef6eda454abb49ec60e75f1b17f154544fedfe21a8f803dc619a"},"type":"cosign container image signature"},"optional":null}`
		sign  = "MEUCIQCc/jV+l7rAaWEGB5NwQQ1TS3yrh1pwziEwWmdg3QjvBgIgFGrR4r6CgPHMuncvL/3/cNFP5XF2g2p/jewQQ9RhOr4="
		pub   = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERCqCIU3TJ5Uz+CF8io+qQt9d7iyH
66dhvTzAVuzoUTKDmt5HKLfCnD8qIhsetV8EMYNv7kxmqmdz6VhRgvBhfA==
-----END PUBLIC KEY-----
`
	)
	key, err := signature.ParsePublic([]byte(pub))
	if err != nil {
		t.Fatal(err)
	}
	s, c, repo := newShelf(t)
	s.have[tagOf(image)] = manifestOf(s, text, sign, "")
	if err := signature.Check(t.Context(), c, repo, image, []signature.Key{key}); err != nil {
		t.Error(err)
	}
	if err := signature.Check(t.Context(), c, repo, image, []signature.Key{newSigner(t).Key()}); !unsigned(err) {
		t.Errorf("another key: %v", err)
	}
}

func TestKeysAreRefused(t *testing.T) {
	secret := "c2VjcmV0IHNlY3JldCBzZWNyZXQ="
	as := func(kind string) []byte {
		return []byte("-----BEGIN " + kind + "-----\n" + secret + "\n-----END " + kind + "-----\n")
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(old.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(old)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                        "no key in PEM",
		"ssh-ed25519 AAAA me":     "no key in PEM",
		string(as("PRIVATE KEY")): `a "PRIVATE KEY", and a PUBLIC KEY is wanted`,
		string(as("PUBLIC KEY")):  "no public key that envy can read",
		string(as("PUBLIC KEY")) + string(as("PUBLIC KEY")):                    "several parts",
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})): "another kind (*rsa.PublicKey)",
	} {
		if _, err := signature.ParsePublic([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("public %.40q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "no key in PEM",
		string(as("PUBLIC KEY")): "a PRIVATE KEY (PKCS #8) is wanted",
		string(as("ENCRYPTED SIGSTORE PRIVATE KEY")):                                "cosign sign --key",
		string(as("PRIVATE KEY")):                                                   "no private key that envy can read",
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})): "another kind (*rsa.PublicKey)",
	} {
		_, err := signature.ParsePrivate([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("private %.40q: %v, want %q", text, err, want)
		}
	}
}
