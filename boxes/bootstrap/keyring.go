package bootstrap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// MaxKeyring is the size, in bytes, of a keyring that is read.
const MaxKeyring = 8 << 20

const armorMark = "-----BEGIN PGP PUBLIC KEY BLOCK-----"

// readKeyring reads public keys, binary or armored; several armored blocks may follow each other.
func readKeyring(f File) (openpgp.EntityList, error) {
	bad := func(err error) error { return fmt.Errorf("keyring %s: %w", f.Path, err) }
	switch {
	case len(f.Data) > MaxKeyring:
		return nil, bad(errors.New("larger than 8 MiB"))
	case len(f.Data) > 12 && string(f.Data[8:12]) == "KBXf":
		return nil, bad(errors.New("a keybox of GnuPG's; gpg --export gives a keyring"))
	case !bytes.Contains(f.Data, []byte(armorMark)):
		keys, err := openpgp.ReadKeyRing(bytes.NewReader(f.Data))
		if err != nil {
			return nil, bad(err)
		}
		return keys, nil
	}
	var all openpgp.EntityList
	for left := f.Data; ; {
		i := bytes.Index(left, []byte(armorMark))
		if i < 0 {
			return all, nil
		}
		block, err := armor.Decode(bytes.NewReader(left[i:]))
		if err != nil {
			return nil, bad(err)
		}
		keys, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, bad(err)
		}
		all, left = append(all, keys...), left[i+len(armorMark):]
	}
}

// writeKeyring is the keys in the form that every apt reads.
func writeKeyring(keys openpgp.EntityList) ([]byte, error) {
	var b bytes.Buffer
	for _, k := range keys {
		if err := k.Serialize(&b); err != nil {
			return nil, fmt.Errorf("write keyring: %w", err)
		}
	}
	return b.Bytes(), nil
}

// fingerprints are an entity's, of its primary key and of what signs for it, in capitals as gpg writes them.
func fingerprints(e *openpgp.Entity) []string {
	out := []string{strings.ToUpper(hex.EncodeToString(e.PrimaryKey.Fingerprint))}
	for _, s := range e.Subkeys {
		out = append(out, strings.ToUpper(hex.EncodeToString(s.PublicKey.Fingerprint)))
	}
	return out
}

// maxSignatures bounds how many signatures of a file are looked at.
const maxSignatures = 32

// verify gives the text of a clear-signed file that one of the keys has signed. As with apt one good signature is enough:
// the others may be of keys that this host does not know, or no longer.
// only, unless it is empty, are fingerprints of the keys that count.
func verify(data []byte, keys openpgp.EntityList, only []string, now time.Time) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte("-----BEGIN PGP SIGNED MESSAGE-----")) {
		return nil, errors.New("it is not signed")
	}
	block, after := clearsign.Decode(data)
	if block == nil {
		return nil, errors.New("its signature cannot be read")
	}
	if len(bytes.TrimSpace(after)) > 0 {
		return nil, errors.New("something follows the signed text")
	}
	body, err := io.ReadAll(io.LimitReader(block.ArmoredSignature.Body, MaxKeyring))
	if err != nil {
		return nil, errors.New("its signature cannot be read")
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	why := errors.New("none of its signatures is by a key of the keyring")
	packets := packet.NewReader(bytes.NewReader(body))
	for range maxSignatures {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		signature, ok := p.(*packet.Signature)
		if err != nil || !ok {
			continue // of a kind that is not known here
		}
		var one bytes.Buffer
		if err := signature.Serialize(&one); err != nil {
			continue
		}
		signer, err := openpgp.CheckDetachedSignature(keys, bytes.NewReader(block.Bytes), &one, config)
		switch {
		case err == nil && counts(signer, only):
			return block.Bytes, nil // not Plaintext: spaces at ends of lines are not signed
		case err != nil && !errors.Is(err, pgperrors.ErrUnknownIssuer):
			why = err
		}
	}
	return nil, why
}

// counts reports whether a key is one of those that an entry of apt's sources names; gpg's mark of a lone
// subkey makes no difference.
func counts(signer *openpgp.Entity, only []string) bool {
	if len(only) == 0 {
		return true
	}
	return slices.ContainsFunc(fingerprints(signer), func(f string) bool {
		return slices.ContainsFunc(only, func(o string) bool { return strings.EqualFold(strings.TrimSuffix(o, "!"), f) })
	})
}
