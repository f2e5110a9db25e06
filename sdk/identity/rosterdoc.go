package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// The roster as it is encoded; the layout stands in the package documentation.

type rosterDocument struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Site       string
	Serial     uint64
	Issued     int64
	Devices    []deviceEntry
	Recipients []cbor.RawMessage // recipientEntry, or plainRecipientEntry in version 1
}

type deviceEntry struct {
	_         struct{} `cbor:",toarray"`
	Algorithm int64
	Public    []byte
	Name      string
	Gateway   string
	PreShared bool
	Added     int64
	NotAfter  int64
	Revoked   int64
}

type plainRecipientEntry struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	X25519 []byte
	XWing  []byte
}

type recipientEntry struct {
	_      struct{} `cbor:",toarray"`
	Name   string
	X25519 []byte
	XWing  []byte
	Sign   []byte // empty: none
}

// signersVersion is the version of rosters whose recipients can have signing keys.
const signersVersion = 2

// version is the lowest that can say what the roster says, so that programs that
// read version 1 only go on as long as there is nothing in it that they miss.
func (r *Roster) version() uint64 {
	for i := range r.Recipients {
		if r.Recipients[i].Sign != (keys.PublicKey{}) {
			return signersVersion
		}
	}
	return formatVersion
}

func (r *Roster) document() (*rosterDocument, error) {
	doc := &rosterDocument{
		Version: r.version(), Site: r.Site, Serial: r.Serial, Issued: unixOf(r.Issued),
	}
	for i := range r.Devices {
		d := &r.Devices[i]
		doc.Devices = append(doc.Devices, deviceEntry{
			Algorithm: int64(d.PublicKey.Algorithm()), Public: d.PublicKey.Bytes(),
			Name: d.Name, Gateway: d.Gateway, PreShared: d.PreShared,
			Added: unixOf(d.Added), NotAfter: unixOf(d.NotAfter), Revoked: unixOf(d.Revoked),
		})
	}
	for _, k := range r.Recipients {
		var entry any = plainRecipientEntry{Name: k.Name, X25519: k.X25519, XWing: k.XWing}
		if doc.Version == signersVersion {
			entry = recipientEntry{Name: k.Name, X25519: k.X25519, XWing: k.XWing, Sign: k.Sign.Bytes()}
		}
		raw, err := encodeDocument(entry)
		if err != nil {
			return nil, err
		}
		doc.Recipients = append(doc.Recipients, raw)
	}
	return doc, nil
}

func (doc *rosterDocument) roster() (*Roster, error) {
	if doc.Version != formatVersion && doc.Version != signersVersion {
		return nil, fmt.Errorf("version %d, this program reads %d and %d", doc.Version, formatVersion, signersVersion)
	}
	if doc.Serial == 0 || !inTime(doc.Issued) || doc.Issued == 0 || CheckName(doc.Site) != nil {
		return nil, errors.New("site, serial or date out of range")
	}
	r := &Roster{Site: doc.Site, Serial: doc.Serial, Issued: timeOf(doc.Issued)}
	for _, e := range doc.Devices {
		d, err := e.device()
		if err != nil {
			return nil, err
		}
		if other, ok := r.Device(d.KeyID); ok {
			return nil, fmt.Errorf("devices %q and %q have one key", other.Name, d.Name)
		}
		if other, ok := r.DeviceNamed(d.Name); ok && other.Revoked.IsZero() && d.Revoked.IsZero() {
			return nil, fmt.Errorf("two devices have the name %q", d.Name)
		}
		r.Devices = append(r.Devices, d)
	}
	for _, raw := range doc.Recipients {
		k, err := readRecipient(doc.Version, raw)
		if err != nil {
			return nil, err
		}
		if r.recipient(k.Name) >= 0 {
			return nil, fmt.Errorf("two recipients have the name %q", k.Name)
		}
		r.Recipients = append(r.Recipients, k)
	}
	if doc.Version != r.version() {
		return nil, errEncoding
	}
	return r, nil
}

func readRecipient(version uint64, raw []byte) (RecipientKey, error) {
	var e recipientEntry
	if version == formatVersion {
		var plain plainRecipientEntry
		if err := decodeDocument(raw, &plain); err != nil {
			return RecipientKey{}, err
		}
		e.Name, e.X25519, e.XWing = plain.Name, plain.X25519, plain.XWing
	} else if err := decodeDocument(raw, &e); err != nil {
		return RecipientKey{}, err
	}
	k := RecipientKey{Name: e.Name, X25519: e.X25519, XWing: e.XWing}
	if len(k.XWing) == 0 {
		k.XWing = nil
	}
	if len(e.Sign) > 0 {
		var err error
		if k.Sign, err = keys.NewPublicKey(keys.AlgEd25519, e.Sign); err != nil {
			return RecipientKey{}, fmt.Errorf("recipient %.80q: %w", e.Name, err)
		}
	}
	return k, k.check()
}

func (e *deviceEntry) device() (Device, error) {
	if CheckName(e.Name) != nil || CheckName(e.Gateway) != nil {
		return Device{}, errors.New("a device's name is out of range")
	}
	if e.Algorithm < -1<<31 || e.Algorithm > 1<<31-1 {
		return Device{}, fmt.Errorf("device %q: %w", e.Name, keys.ErrPublicKey)
	}
	public, err := keys.NewPublicKey(keys.Algorithm(e.Algorithm), e.Public)
	if err != nil {
		return Device{}, fmt.Errorf("device %q: %w", e.Name, err)
	}
	if e.Added == 0 || !inTime(e.Added) || !inTime(e.NotAfter) || !inTime(e.Revoked) {
		return Device{}, fmt.Errorf("device %q: a date is out of range", e.Name)
	}
	return Device{
		KeyID: public.ID(), PublicKey: public, Name: e.Name, Gateway: e.Gateway, PreShared: e.PreShared,
		Added: timeOf(e.Added), NotAfter: timeOf(e.NotAfter), Revoked: timeOf(e.Revoked),
	}, nil
}

// Recipient returns the recipient of this name and whether there is one.
func (r *Roster) Recipient(name string) (RecipientKey, bool) {
	if i := r.recipient(name); i >= 0 {
		return r.Recipients[i], true
	}
	return RecipientKey{}, false
}

// ReceiptKey returns the key that verifies the receipts of the recipient of this
// name. The error's Hint says how to get one.
func (r *Roster) ReceiptKey(name string) (keys.PublicKey, error) {
	k, ok := r.Recipient(name)
	switch {
	case !ok:
		return keys.PublicKey{}, &hintError{
			text: fmt.Sprintf("identity: recipient %.80q is not in the roster", name),
			hint: `see "vitalseal site show", add it with "vitalseal site recipient", and copy the gateway's directory again`,
			err:  ErrUnknown,
		}
	case k.Sign == (keys.PublicKey{}):
		return keys.PublicKey{}, &hintError{
			text: fmt.Sprintf("identity: recipient %q has no key to sign receipts with", name),
			hint: `run "vitalseal site renew", and copy the directories of the recipient and of the gateways again`,
		}
	}
	return k.Sign, nil
}

// recipient returns the index of a recipient, or -1.
func (r *Roster) recipient(name string) int {
	for i := range r.Recipients {
		if r.Recipients[i].Name == name {
			return i
		}
	}
	return -1
}

// Times are seconds since 1970, 0 for none, and before the year 10000.

const maxUnix = 253402300799

func inTime(unix int64) bool { return unix >= 0 && unix <= maxUnix }

func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func timeOf(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}
