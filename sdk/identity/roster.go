package identity

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/cbor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Roster is what the site's administrator vouches for: the devices whose
// messages count, and the recipients that anchors are wrapped to. It has been
// verified.
type Roster struct {
	Site       string
	Serial     uint64    // grows with every change, from 1
	Issued     time.Time // to the second, UTC
	Devices    []Device
	Recipients []RecipientKey

	signed []byte
}

// Device is one entry of a roster. Times are UTC, to the second.
type Device struct {
	KeyID     keys.KeyID // of PublicKey
	PublicKey keys.PublicKey
	Name      string // unique among the devices that are not revoked
	Gateway   string
	PreShared bool      // its content secrets come from a pre-shared key
	Added     time.Time // from when on it is valid
	NotAfter  time.Time // zero: without end
	Revoked   time.Time // zero: not revoked
}

// Status is what a roster says about a device at some time.
type Status uint8

// Statuses. The zero value is Unknown, so that what is forgotten is refused.
const (
	Unknown Status = iota
	Valid
	Revoked
	Expired
)

var statusNames = [...]string{Unknown: "unknown", Valid: "valid", Revoked: "revoked", Expired: "expired"}

// String returns "unknown", "valid", "revoked" or "expired".
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return ""
}

// Status returns the status of the device at a time. A revocation outlasts
// everything: a device that is revoked and expired is Revoked, since Revoked.
func (d *Device) Status(at time.Time) Status {
	switch {
	case !d.Revoked.IsZero() && !at.Before(d.Revoked):
		return Revoked
	case !d.NotAfter.IsZero() && at.After(d.NotAfter):
		return Expired
	}
	return Valid
}

// Device returns the entry of a key and whether there is one.
func (r *Roster) Device(kid keys.KeyID) (Device, bool) {
	for _, d := range r.Devices {
		if d.KeyID == kid {
			return d, true
		}
	}
	return Device{}, false
}

// Lookup returns the entry of a key and its status at a time: Unknown for a key
// that is not in the roster.
func (r *Roster) Lookup(kid keys.KeyID, at time.Time) (Device, Status) {
	d, ok := r.Device(kid)
	if !ok {
		return Device{}, Unknown
	}
	return d, d.Status(at)
}

// DeviceNamed returns the device of this name that is not revoked, else the one
// revoked last.
func (r *Roster) DeviceNamed(name string) (Device, bool) {
	var found Device
	ok := false
	for _, d := range r.Devices {
		if d.Name == name && (!ok || d.Revoked.IsZero() || d.Revoked.After(found.Revoked) && !found.Revoked.IsZero()) {
			found, ok = d, true
		}
	}
	return found, ok
}

// Signed returns the signed bytes of the roster, as ParseRoster takes them.
func (r *Roster) Signed() []byte { return bytes.Clone(r.signed) }

// Update returns the roster in signed if it may follow this one: of the same
// site, and with a higher serial or the very same bytes. Otherwise it is
// ErrRoster or ErrOlderRoster, and this one stays in force.
func (r *Roster) Update(signed []byte, site SitePublic) (*Roster, error) {
	next, err := ParseRoster(signed, site)
	if err != nil {
		return nil, err
	}
	if next.Serial < r.Serial {
		return nil, olderError(next.Serial, r.Serial)
	}
	if next.Serial == r.Serial && !bytes.Equal(next.signed, r.signed) {
		return nil, fmt.Errorf("%w: two rosters with serial %d", ErrRoster, r.Serial)
	}
	return next, nil
}

func olderError(got, want uint64) error {
	return &hintError{
		text: fmt.Sprintf("identity: roster has serial %d, older than %d", got, want),
		hint: "copy the roster anew from the site's directory",
		err:  ErrOlderRoster,
	}
}

// rosterContext is the external_aad of a roster's signature: the site key signs
// nothing that could be taken for anything else.
const rosterContext = "VITALSEAL ROSTER"

// ParseRoster verifies a signed roster and reads it. What is not of this site,
// not signed by its key, or not in the one encoding that is allowed is
// ErrRoster.
func ParseRoster(signed []byte, site SitePublic) (*Roster, error) {
	payload, err := openSign1(signed, &site.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoster, err)
	}
	var doc rosterDocument
	if err := decodeDocument(payload, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoster, err)
	}
	r, err := doc.roster()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoster, err)
	}
	if r.Site != site.Name {
		return nil, fmt.Errorf("%w: it is of site %q, want %q", ErrRoster, r.Site, site.Name)
	}
	r.signed = bytes.Clone(signed)
	return r, nil
}

// sign encodes and signs the roster and keeps the bytes.
func (r *Roster) sign(key keys.Signer) error {
	doc, err := r.document()
	if err != nil {
		return fmt.Errorf("identity: encoding the roster: %w", err)
	}
	payload, err := encodeDocument(doc)
	if err != nil {
		return fmt.Errorf("identity: encoding the roster: %w", err)
	}
	r.signed, err = appendSign1(nil, key, payload)
	return err
}

// appendSign1 appends a COSE_Sign1 (RFC 9052, section 4.2) of payload, with the
// protected header {1: alg, 4: kid} and nothing unprotected.
func appendSign1(dst []byte, key keys.Signer, payload []byte) ([]byte, error) {
	public := key.Public()
	protected := sign1Header(&public)
	sig, err := key.Sign(nil, sign1Structure(protected, payload))
	if err != nil {
		return nil, fmt.Errorf("identity: signing: %w", err)
	}
	dst = cbor.AppendArray(cbor.AppendTag(dst, 18), 4)
	dst = cbor.AppendBytes(dst, protected)
	dst = cbor.AppendMap(dst, 0)
	dst = cbor.AppendBytes(dst, payload)
	return cbor.AppendBytes(dst, sig), nil
}

// openSign1 returns the payload of what appendSign1 made with key. There is one
// protected header per key, so comparing bytes checks all of it.
func openSign1(message []byte, key *keys.PublicKey) ([]byte, error) {
	r := cbor.NewReader(message)
	if r.Tag() != 18 {
		r.Fail(cbor.ErrType)
	}
	r.ArrayLen(4)
	protected := r.Bytes()
	r.MapLen(0)
	payload := r.Bytes()
	sig := r.BytesLen(keys.SignatureSize)
	if err := r.Done(); err != nil {
		return nil, err
	}
	if !bytes.Equal(protected, sign1Header(key)) {
		return nil, fmt.Errorf("signed with another key than %v", key.ID())
	}
	if !key.Verify(sign1Structure(protected, payload), sig) {
		return nil, fmt.Errorf("signature does not verify with key %v", key.ID())
	}
	return payload, nil
}

func sign1Header(key *keys.PublicKey) []byte {
	kid := key.ID()
	h := cbor.AppendMap(nil, 2)
	h = cbor.AppendInt(cbor.AppendUint(h, 1), int64(key.Algorithm()))
	return cbor.AppendBytes(cbor.AppendUint(h, 4), kid[:])
}

func sign1Structure(protected, payload []byte) []byte {
	s := cbor.AppendText(cbor.AppendArray(nil, 4), "Signature1")
	s = cbor.AppendBytes(s, protected)
	s = cbor.AppendBytes(s, []byte(rosterContext))
	return cbor.AppendBytes(s, payload)
}
