package identity

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// RecipientKey is the public side of one recipient. XWing is nil for one
// without post-quantum keys; otherwise it is what secrets are wrapped to.
type RecipientKey struct {
	Name   string
	X25519 []byte // 32 bytes, RFC 7748
	XWing  []byte // 1,216 bytes: ML-KEM-768 encapsulation key, then X25519

	// Sign verifies the recipient's receipts (seal.ReadReceipt). It is Ed25519; zero
	// for a recipient made by an earlier version until Site.RenewCertificates.
	Sign keys.PublicKey
}

// ID returns the algorithm that secrets are wrapped with for this recipient,
// AlgXWingKE or AlgHPKE4KE, and the id of the key: the first 8 bytes of the
// thumbprint (RFC 9679) of its COSE_Key.
func (k *RecipientKey) ID() (keys.Algorithm, keys.KeyID) {
	if k.XWing != nil {
		return keys.AlgXWingKE, recipientKeyID(keys.AlgXWingKE, k.XWing)
	}
	return keys.AlgHPKE4KE, recipientKeyID(keys.AlgHPKE4KE, k.X25519)
}

func (k *RecipientKey) check() error {
	if err := CheckName(k.Name); err != nil {
		return err
	}
	if _, err := ecdh.X25519().NewPublicKey(k.X25519); err != nil {
		return fmt.Errorf("recipient %q: not an X25519 public key", k.Name)
	}
	if k.XWing == nil {
		return nil
	}
	if _, err := hpke.MLKEM768X25519().NewPublicKey(k.XWing); err != nil {
		return fmt.Errorf("recipient %q: not an X-Wing public key", k.Name)
	}
	return nil
}

// recipientKeyID hashes the COSE_Key with the required parameters only:
// {1: 1 (OKP), -1: 4 (X25519), -2: x}, or {1: 7 (AKP), 3: alg, -1: pub}.
func recipientKeyID(alg keys.Algorithm, public []byte) keys.KeyID {
	k := cbor.AppendMap(nil, 3)
	if alg == keys.AlgXWingKE {
		k = cbor.AppendUint(cbor.AppendUint(k, 1), 7)
		k = cbor.AppendInt(cbor.AppendUint(k, 3), int64(alg))
		k = cbor.AppendBytes(cbor.AppendInt(k, -1), public)
	} else {
		k = cbor.AppendUint(cbor.AppendUint(k, 1), 1)
		k = cbor.AppendUint(cbor.AppendInt(k, -1), 4)
		k = cbor.AppendBytes(cbor.AppendInt(k, -2), public)
	}
	sum := sha256.Sum256(k)
	return keys.KeyID(sum[:8])
}

func (k *RecipientKey) public(alg keys.Algorithm) (hpke.PublicKey, error) {
	if alg == keys.AlgXWingKE {
		return hpke.MLKEM768X25519().NewPublicKey(k.XWing)
	}
	return hpke.DHKEM(ecdh.X25519()).NewPublicKey(k.X25519)
}

// Wrap wraps the content secret CS_0 of an anchor to each recipient, for
// Anchor.Recipients: with X-Wing where the recipient has it, else with X25519.
// The anchor's Boot, Salt and Suite must be final; suite 0 is the default of
// seal.Begin.
func Wrap(to []RecipientKey, anchor *seal.Anchor, device keys.KeyID, secret *[keys.SecretSize]byte) ([]seal.Recipient, error) {
	if err := checkCount(to); err != nil {
		return nil, err
	}
	suite := anchor.Suite
	if suite == 0 {
		suite = keys.AlgChaCha20Poly1305
	}
	extra := seal.AnchorContext(nil, device, anchor.Boot, &anchor.Salt)
	wrapped := make([]seal.Recipient, len(to))
	for i := range to {
		var err error
		if wrapped[i], err = wrap(&to[i], suite, extra, secret); err != nil {
			return nil, err
		}
	}
	return wrapped, nil
}

func checkCount(to []RecipientKey) error {
	if len(to) == 0 || len(to) > seal.MaxRecipients {
		return &hintError{
			text: fmt.Sprintf("identity: %d recipients, an anchor takes 1 to %d", len(to), seal.MaxRecipients),
			hint: "add a recipient to the site or remove one, and copy its roster anew",
		}
	}
	return nil
}

// WrapGrant wraps CS_j of an anchor to one more recipient, for Sealer.Grant. The
// epoch and the secret come from Sealer.GrantSecret; suite is the anchor's.
func WrapGrant(to RecipientKey, device keys.KeyID, suite keys.Algorithm, eid seal.EID, epoch uint32, secret *[keys.SecretSize]byte) (seal.Recipient, error) {
	return wrap(&to, suite, seal.GrantContext(nil, device, eid, epoch), secret)
}

func wrap(to *RecipientKey, suite keys.Algorithm, extra []byte, secret *[keys.SecretSize]byte) (seal.Recipient, error) {
	var r seal.Recipient
	r.Algorithm, r.KeyID = to.ID()
	public, err := to.public(r.Algorithm)
	if err != nil {
		return seal.Recipient{}, fmt.Errorf("identity: key of recipient %q: %w", to.Name, err)
	}
	info := r.AppendInfo(nil, suite, extra)
	enc, sender, err := hpke.NewSender(public, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err == nil {
		r.Encapsulated = enc
		r.Wrapped, err = sender.Seal(nil, secret[:])
	}
	if err != nil {
		return seal.Recipient{}, fmt.Errorf("identity: wrapping to recipient %q: %w", to.Name, err)
	}
	return r, nil
}

// unwrap opens what wrap made, and is the only way in: HPKE in base mode with
// HKDF-SHA256, ChaCha20Poly1305 and an empty aad.
func unwrap(key hpke.PrivateKey, info, enc, wrapped []byte) ([]byte, error) {
	recipient, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, ErrUnwrap
	}
	secret, err := recipient.Open(nil, wrapped)
	if err != nil {
		return nil, ErrUnwrap
	}
	return secret, nil
}

// recipientSecret is the private side of a recipient.
type recipientSecret struct {
	x25519 hpke.PrivateKey
	xwing  hpke.PrivateKey // nil: none
}

type recipientDocument struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Site    string
	Name    string
	X25519  []byte
	XWing   []byte // seed of 32 bytes; empty: none
}

// newRecipient makes the keys of a recipient.
func newRecipient(site, name string, classicalOnly bool) (*recipientDocument, RecipientKey, error) {
	doc := &recipientDocument{Version: formatVersion, Site: site, Name: name, X25519: randomBytes(keys.SecretSize)}
	if !classicalOnly {
		doc.XWing = randomBytes(keys.SecretSize)
	}
	secret, err := doc.secret()
	if err != nil {
		return nil, RecipientKey{}, err
	}
	return doc, secret.public(name), nil
}

func (doc *recipientDocument) secret() (*recipientSecret, error) {
	s := &recipientSecret{}
	var err error
	if s.x25519, err = hpke.DHKEM(ecdh.X25519()).NewPrivateKey(doc.X25519); err != nil {
		return nil, fmt.Errorf("identity: X25519 key of recipient %q is damaged", doc.Name)
	}
	if len(doc.XWing) == 0 {
		return s, nil
	}
	if s.xwing, err = hpke.MLKEM768X25519().NewPrivateKey(doc.XWing); err != nil {
		return nil, fmt.Errorf("identity: X-Wing key of recipient %q is damaged", doc.Name)
	}
	return s, nil
}

func (s *recipientSecret) public(name string) RecipientKey {
	k := RecipientKey{Name: name, X25519: s.x25519.PublicKey().Bytes()}
	if s.xwing != nil {
		k.XWing = s.xwing.PublicKey().Bytes()
	}
	return k
}

// randomBytes cannot fail: crypto/rand ends the program rather than return a
// weak value (since Go 1.24).
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
