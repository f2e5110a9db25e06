package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// The key that a recipient signs receipts with. It stands in a file of its own, so
// that a recipient of an earlier version gets one without a file that has secrets
// being written anew.

type receiptKeyDocument struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Site    string
	Name    string // of the recipient
	Seed    []byte
}

// createReceiptKey makes the key of a recipient in its directory.
func (s *Site) createReceiptKey(dir, name string) (keys.PublicKey, error) {
	seed := (*[keys.SecretSize]byte)(randomBytes(keys.SecretSize))
	defer clear(seed[:])
	public := keys.NewEd25519(seed).Public()
	kid := public.ID()
	text, err := armour(typeReceipt, name, kid.String(),
		&receiptKeyDocument{Version: formatVersion, Site: s.Public.Name, Name: name, Seed: seed[:]})
	if err != nil {
		return keys.PublicKey{}, err
	}
	defer clear(text)
	return public, createFile(filepath.Join(dir, receiptFile), text, modeSecret)
}

// loadReceiptKey reads the key of a recipient of a site. One that is not there is
// fs.ErrNotExist.
func loadReceiptKey(path, site, name string) (*keys.Ed25519, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var doc receiptKeyDocument
	if err := unarmour(typeReceipt, path, text, &doc); err != nil {
		return nil, err
	}
	defer clear(doc.Seed)
	switch {
	case doc.Version != formatVersion:
		return nil, versionError(path, doc.Version)
	case len(doc.Seed) != keys.SecretSize:
		return nil, fmt.Errorf("identity: %q is damaged", path)
	case doc.Site != site || doc.Name != name:
		return nil, fmt.Errorf("identity: %q is of recipient %.80q at site %.80q, want %q at %q", path, doc.Name, doc.Site, name, site)
	}
	return keys.NewEd25519((*[keys.SecretSize]byte)(doc.Seed)), nil
}

// addReceiptKeys gives every recipient whose directory is here, and that an earlier
// version made, the key to sign receipts with, and reports whether one lacked it.
func (s *Site) addReceiptKeys(r *Roster) (added bool, err error) {
	for i := range r.Recipients {
		k := &r.Recipients[i]
		dir := s.path(recipientsDir, k.Name)
		if _, err := os.Stat(dir); err != nil || k.Sign != (keys.PublicKey{}) {
			continue // whoever has taken the directory away has its keys
		}
		if k.Sign, err = s.receiptKey(dir, k.Name); err != nil {
			return false, err
		}
		added = true
	}
	return added, nil
}

// receiptKey returns the key that a change which did not reach the roster has left,
// or makes one.
func (s *Site) receiptKey(dir, name string) (keys.PublicKey, error) {
	key, err := loadReceiptKey(filepath.Join(dir, receiptFile), s.Public.Name, name)
	if errors.Is(err, fs.ErrNotExist) {
		return s.createReceiptKey(dir, name)
	}
	if err != nil {
		return keys.PublicKey{}, err
	}
	return key.Public(), nil
}
