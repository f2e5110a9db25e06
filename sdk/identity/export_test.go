package identity

import (
	"crypto/ecdh"
	"crypto/hpke"
	"io/fs"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// UnwrapWith opens a wrapped secret on the path that a Keyring takes, with a raw
// private key of the algorithm.
func UnwrapWith(alg keys.Algorithm, private, info, enc, wrapped []byte) ([]byte, error) {
	kem := hpke.DHKEM(ecdh.X25519())
	if alg == keys.AlgXWingKE {
		kem = hpke.MLKEM768X25519()
	}
	key, err := kem.NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	return unwrap(key, info, enc, wrapped)
}

// RecipientKeyID is the id of a recipient's public key.
func RecipientKeyID(alg keys.Algorithm, public []byte) keys.KeyID { return recipientKeyID(alg, public) }

// CheckOwner refuses files of other users.
func CheckOwner(path string, info fs.FileInfo) error { return checkOwner(path, info) }

// SignRoster signs any bytes as if they were a roster.
func SignRoster(key keys.Signer, payload []byte) ([]byte, error) {
	return appendSign1(nil, key, payload)
}

// ResignRoster encodes and signs a roster that was parsed.
func ResignRoster(r *Roster, key keys.Signer) ([]byte, error) {
	again := *r
	err := again.sign(key)
	return again.signed, err
}

// Reread reads an armoured block of any type and returns what it would be
// written as.
func Reread(kind string, text []byte) (document, again []byte, err error) {
	var doc any
	switch kind {
	case typeSiteKey:
		doc = &siteKeyDocument{}
	case typeDevice:
		doc = &deviceDocument{}
	case typeBoot:
		doc = &bootRecord{}
	case typeRecipient:
		doc = &recipientDocument{}
	case typeReceipt:
		doc = &receiptKeyDocument{}
	case typePSK:
		doc = &pskDocument{}
	}
	if err := unarmour(kind, "test", text, doc); err != nil {
		return nil, nil, err
	}
	document, err = encodeDocument(doc)
	if err != nil {
		return nil, nil, err
	}
	again, err = armour(kind, "test", "00", doc)
	return document, again, err
}

// Kinds are the types of armoured blocks.
var Kinds = []string{typeSiteKey, typeDevice, typeBoot, typeRecipient, typeReceipt, typePSK}

// ForgetDevice takes a device off the roster and its files away, as if it had
// never been enrolled.
func (s *Site) ForgetDevice(name string) error {
	return s.change(func(r Roster) (*Roster, error) {
		i := r.find(name)
		d := r.Devices[i]
		r.Devices = append(r.Devices[:i], r.Devices[i+1:]...)
		return &r, s.eraseDevice(&d)
	})
}

// ForgetReceiptKey takes the key that a recipient signs receipts with off the
// roster, and its file away if file is set, as if an earlier version had made it.
func (s *Site) ForgetReceiptKey(name string, file bool) error {
	return s.change(func(r Roster) (*Roster, error) {
		r.Recipients[r.recipient(name)].Sign = keys.PublicKey{}
		if !file {
			return &r, nil
		}
		return &r, eraseFile(s.path(recipientsDir, name, receiptFile))
	})
}
