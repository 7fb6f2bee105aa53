package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Key is a public key: ECDSA with SHA-256 over the text, as cosign's own are, or Ed25519.
type Key struct{ public crypto.PublicKey }

// ParsePublic reads a public key in PEM, as `cosign generate-key-pair` and `openssl pkey -pubout` write it.
func ParsePublic(data []byte) (Key, error) {
	b, err := block(data)
	if err != nil {
		return Key{}, err
	}
	if b.Type != "PUBLIC KEY" {
		return Key{}, fmt.Errorf("it is a %.40q, and a PUBLIC KEY is wanted", b.Type)
	}
	public, err := x509.ParsePKIXPublicKey(b.Bytes)
	if err != nil {
		return Key{}, errors.New("it is no public key that envy can read")
	}
	return known(public)
}

func known(public crypto.PublicKey) (Key, error) {
	switch public.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return Key{public}, nil
	}
	return Key{}, fmt.Errorf("it is a key of another kind (%T); ECDSA and Ed25519 are known", public)
}

func (k Key) verifies(text, sign []byte) bool {
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(text)
		return ecdsa.VerifyASN1(p, sum[:], sign)
	case ed25519.PublicKey:
		return ed25519.Verify(p, text, sign)
	}
	return false
}

// Signer is a private key.
type Signer struct{ key crypto.Signer }

// ParsePrivate reads a private key in PEM, of PKCS #8 and without a password, as `openssl genpkey` writes it. No error holds
// anything of the key.
func ParsePrivate(data []byte) (Signer, error) {
	b, err := block(data)
	switch {
	case err != nil:
		return Signer{}, err
	case b.Type == "ENCRYPTED SIGSTORE PRIVATE KEY", b.Type == "ENCRYPTED COSIGN PRIVATE KEY", b.Type == "ENCRYPTED PRIVATE KEY":
		return Signer{}, errors.New("it is encrypted, and envy asks for no password: sign with `cosign sign --key`, or name a key without one")
	case b.Type != "PRIVATE KEY":
		return Signer{}, fmt.Errorf("it is a %.40q, and a PRIVATE KEY (PKCS #8) is wanted", b.Type)
	}
	private, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	key, ok := private.(crypto.Signer)
	if err != nil || !ok {
		return Signer{}, errors.New("it is no private key that envy can read")
	}
	_, err = known(key.Public())
	return Signer{key}, err
}

// Key is the public half.
func (s Signer) Key() Key { return Key{s.key.Public()} }

func (s Signer) sign(text []byte) ([]byte, error) {
	if _, ok := s.key.Public().(ed25519.PublicKey); ok {
		return s.key.Sign(rand.Reader, text, crypto.Hash(0))
	}
	sum := sha256.Sum256(text)
	return s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

func block(data []byte) (*pem.Block, error) {
	b, rest := pem.Decode(data)
	if b == nil {
		return nil, errors.New("it is no key in PEM")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, errors.New("it has several parts, and one key is wanted")
	}
	return b, nil
}
