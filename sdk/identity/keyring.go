package identity

import (
	"crypto/hpke"
	"errors"
	"fmt"
	"sync"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// Keyring holds the secrets of one recipient: its own private keys, and the
// pre-shared keys of devices. It may be used by several goroutines. Copies share
// the secrets, and printing it shows none.
type Keyring struct{ k *keyring }

type keyring struct {
	recipients map[recipientID]hpke.PrivateKey
	mu         sync.Mutex
	preShared  map[keys.KeyID]*storedPSK
}

type recipientID struct {
	alg keys.Algorithm
	kid keys.KeyID
}

// storedPSK is the pre-shared key of a device at the earliest generation that
// is still kept.
type storedPSK struct {
	path string
	key  *keys.SoftwarePSK
}

// String says how many keys there are.
func (k Keyring) String() string {
	if k.k == nil {
		return "keyring (empty)"
	}
	k.k.mu.Lock()
	defer k.k.mu.Unlock()
	return fmt.Sprintf("keyring (%d recipient keys, %d pre-shared keys)", len(k.k.recipients), len(k.k.preShared))
}

// Format makes every verb print what String returns.
func (k Keyring) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

func newKeyring(secret *recipientSecret) Keyring {
	public := secret.public("")
	k := &keyring{recipients: map[recipientID]hpke.PrivateKey{}, preShared: map[keys.KeyID]*storedPSK{}}
	k.recipients[recipientID{keys.AlgHPKE4KE, recipientKeyID(keys.AlgHPKE4KE, public.X25519)}] = secret.x25519
	if secret.xwing != nil {
		k.recipients[recipientID{keys.AlgXWingKE, recipientKeyID(keys.AlgXWingKE, public.XWing)}] = secret.xwing
	}
	return Keyring{k}
}

// ContentSecret returns CS_0 of an anchor, for seal.NewOpener, which checks it
// against the anchor's commitment.
//
// An anchor that names no key of this keyring is ErrNotRecipient, one whose
// entry for it does not open ErrUnwrap, and one whose generation of the
// pre-shared key has been forgotten keys.ErrGeneration. A generation far ahead
// costs two hashes for each step, a second at the most.
func (k Keyring) ContentSecret(anchor seal.Verified) ([keys.SecretSize]byte, error) {
	a, err := anchor.Anchor()
	if err != nil {
		return [keys.SecretSize]byte{}, err
	}
	if len(a.Recipients) == 0 {
		return k.preSharedSecret(anchor.KeyID(), &a)
	}
	extra := seal.AnchorContext(nil, anchor.KeyID(), a.Boot, &a.Salt)
	for i := range a.Recipients {
		secret, err := k.open(&a.Recipients[i], a.Suite, extra)
		if !errors.Is(err, ErrNotRecipient) {
			return secret, err
		}
	}
	return [keys.SecretSize]byte{}, ErrNotRecipient
}

// GrantSecret returns CS_j of a grant under its anchor, for seal.NewGrantOpener.
// A grant to another recipient is ErrNotRecipient, one of another chain
// seal.ErrWrongAnchor.
func (k Keyring) GrantSecret(anchor, grant seal.Verified) ([keys.SecretSize]byte, error) {
	a, err := anchor.Anchor()
	if err != nil {
		return [keys.SecretSize]byte{}, err
	}
	g, err := grant.Grant()
	if err != nil {
		return [keys.SecretSize]byte{}, err
	}
	if g.EID != anchor.EID() || grant.KeyID() != anchor.KeyID() {
		return [keys.SecretSize]byte{}, seal.ErrWrongAnchor
	}
	return k.open(&g.Recipient, a.Suite, seal.GrantContext(nil, grant.KeyID(), g.EID, g.Epoch))
}

func (k Keyring) open(r *seal.Recipient, suite keys.Algorithm, extra []byte) (secret [keys.SecretSize]byte, err error) {
	if k.k == nil {
		return secret, ErrNotRecipient
	}
	key := k.k.recipients[recipientID{r.Algorithm, r.KeyID}]
	if key == nil {
		return secret, ErrNotRecipient
	}
	plain, err := unwrap(key, r.AppendInfo(nil, suite, extra), r.Encapsulated, r.Wrapped)
	if err != nil {
		return secret, err
	}
	defer clear(plain)
	if len(plain) != len(secret) {
		return secret, ErrUnwrap
	}
	copy(secret[:], plain)
	return secret, nil
}

func (k Keyring) preSharedSecret(device keys.KeyID, a *seal.Anchor) (secret [keys.SecretSize]byte, err error) {
	if k.k == nil {
		return secret, ErrNotRecipient
	}
	k.k.mu.Lock()
	stored := k.k.preShared[device]
	if stored == nil {
		k.k.mu.Unlock()
		return secret, ErrNotRecipient
	}
	key := stored.key.Clone()
	k.k.mu.Unlock()
	if err := key.Advance(a.Generation); err != nil {
		return secret, err
	}
	err = key.ContentSecret(&secret, device, a.Boot, &a.Salt)
	return secret, err
}

// Forget moves the pre-shared key of a device on to a generation, in its file
// too, and erases all before it: anchors of earlier generations do not open
// any more. Call it when nothing earlier is awaited. A keyring without that
// device's key is ErrNotRecipient; a generation already forgotten is
// keys.ErrGeneration.
//
// Package receive does not call it when it lets go of a chain: it cannot know that
// nothing earlier is awaited. A gateway that was cut off sends for days what it
// sealed, and a receiver that has lost its state is sent again what waits for it.
func (k Keyring) Forget(device keys.KeyID, before uint32) error {
	if k.k == nil {
		return ErrNotRecipient
	}
	k.k.mu.Lock()
	defer k.k.mu.Unlock()
	stored := k.k.preShared[device]
	if stored == nil {
		return ErrNotRecipient
	}
	if before == stored.key.Generation() {
		return nil
	}
	next := stored.key.Clone()
	if err := next.Advance(before); err != nil {
		return err
	}
	if err := replaceErasing(stored.path, func() ([]byte, error) { return encodePSK(device, next) }); err != nil {
		return err
	}
	stored.key = next
	return nil
}

type pskDocument struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	KeyID      []byte
	Generation uint64
	Key        []byte
}

func encodePSK(device keys.KeyID, key *keys.SoftwarePSK) ([]byte, error) {
	raw := key.Key()
	defer clear(raw[:])
	return armour(typePSK, "", device.String(), &pskDocument{
		Version: formatVersion, KeyID: device[:], Generation: uint64(key.Generation()), Key: raw[:],
	})
}

func loadPSK(path string) (keys.KeyID, *keys.SoftwarePSK, error) {
	text, err := readSecret(path)
	if err != nil {
		return keys.KeyID{}, nil, err
	}
	defer clear(text)
	var doc pskDocument
	if err := unarmour(typePSK, path, text, &doc); err != nil {
		return keys.KeyID{}, nil, err
	}
	defer clear(doc.Key)
	if doc.Version != formatVersion {
		return keys.KeyID{}, nil, versionError(path, doc.Version)
	}
	if len(doc.KeyID) != len(keys.KeyID{}) || len(doc.Key) != keys.SecretSize || doc.Generation > keys.MaxGeneration {
		return keys.KeyID{}, nil, fmt.Errorf("identity: %q is damaged", path)
	}
	kid := keys.KeyID(doc.KeyID)
	key, err := keys.NewSoftwarePSK(kid, uint32(doc.Generation), (*[keys.SecretSize]byte)(doc.Key))
	return kid, key, err
}
