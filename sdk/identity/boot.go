package identity

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// bootRecord is what a device must not forget: how often it has started, and
// the pre-shared key of the generation in use.
//
// A new device comes with NAME.new, the record before its first start. Its
// first start writes NAME.boot, which is the truth from then on, and erases
// NAME.new. The site's directory only ever has NAME.new, so copying it to a
// gateway once more does not set the counter back.
type bootRecord struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	KeyID      []byte
	Boot       uint64 // starts so far; 0: none
	Serial     uint64 // highest serial of a roster seen; 0: none
	Generation uint64
	Key        []byte // of the generation; empty: no pre-shared key
	Check      []byte // first 8 bytes of the SHA-256 of the record with an empty Check
}

func bootPath(device string) string  { return trimDevice(device) + ".boot" }
func lockPath(device string) string  { return trimDevice(device) + ".lock" }
func freshPath(device string) string { return trimDevice(device) + ".new" }

func (b *bootRecord) sum() ([]byte, error) {
	bare := *b
	bare.Check = nil
	data, err := encodeDocument(&bare)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	sum := sha256.Sum256(data)
	return sum[:8], nil
}

func (b *bootRecord) encode(name string) ([]byte, error) {
	var err error
	if b.Check, err = b.sum(); err != nil {
		return nil, err
	}
	return armour(typeBoot, name, keys.KeyID(b.KeyID).String(), b)
}

// readBoot returns the record of a device and whether it has started before.
func readBoot(device string, kid keys.KeyID) (b *bootRecord, started bool, err error) {
	path := bootPath(device)
	text, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		path = freshPath(device)
		text, err = readSecret(path)
	} else {
		started = true
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, bootError(device, "is missing")
	}
	if err != nil {
		return nil, false, err
	}
	defer clear(text)
	b = &bootRecord{}
	if err := unarmour(typeBoot, path, text, b); err != nil {
		return nil, false, bootError(device, "is damaged")
	}
	want, err := b.sum()
	if err != nil || b.Version != formatVersion || !bytes.Equal(want, b.Check) || !bytes.Equal(b.KeyID, kid[:]) ||
		b.Generation > keys.MaxGeneration || (b.Boot == 0) == started {
		return nil, false, bootError(device, "is damaged or of another device")
	}
	return b, started, nil
}

// bootError says what to do about a record that cannot be relied on. There is no
// way to mend one: a counter that starts again repeats itself, and a pre-shared
// key that has been erased is gone.
func bootError(device, what string) error {
	path := bootPath(device)
	return &hintError{
		text: fmt.Sprintf("identity: boot record %q %s", path, what),
		hint: "revoke the device at the site and add it anew; never restore the record from a backup",
		err:  ErrBootRecord,
	}
}

// store makes the record durable, and only then returns.
func (b *bootRecord) store(device, name string, started bool) error {
	var err error
	if started {
		err = replaceErasing(bootPath(device), func() ([]byte, error) { return b.encode(name) })
	} else {
		var text []byte
		if text, err = b.encode(name); err == nil {
			err = createFile(bootPath(device), text, modeSecret)
		}
		clear(text)
	}
	if err == nil {
		err = eraseFile(freshPath(device))
	}
	if err != nil {
		return &hintError{
			text: fmt.Sprintf("identity: the boot record cannot be stored: %v", err),
			hint: "make room on the disk and the directory writable for this user; the device does not seal until then",
			err:  errors.Join(ErrBootRecord, err),
		}
	}
	return nil
}

// next moves the record to the next start. It returns the pre-shared key of this
// one, and keeps the generation after it: whoever takes the record away while the
// device seals cannot compute the secret it seals with.
func (b *bootRecord) next(kid keys.KeyID) (*keys.SoftwarePSK, error) {
	if b.Boot == 1<<63-1 {
		return nil, fmt.Errorf("%w: the counter is at its end", ErrBootRecord)
	}
	b.Boot++
	if len(b.Key) == 0 {
		return nil, nil
	}
	if len(b.Key) != keys.SecretSize {
		return nil, fmt.Errorf("%w: its pre-shared key is damaged", ErrBootRecord)
	}
	psk, err := keys.NewSoftwarePSK(kid, uint32(b.Generation), (*[keys.SecretSize]byte)(b.Key))
	if err != nil {
		return nil, err
	}
	after := psk.Clone()
	defer after.Erase()
	if err := after.Next(); err != nil {
		return nil, &hintError{
			text: fmt.Sprintf("identity: the pre-shared key is used up after %d starts", b.Generation),
			hint: "revoke the device at the site and add it anew",
			err:  err,
		}
	}
	raw := after.Key()
	copy(b.Key, raw[:])
	clear(raw[:])
	b.Generation = uint64(after.Generation())
	return psk, nil
}

// createFresh writes the record of a device that has not started.
func createFresh(device, name string, kid keys.KeyID, psk *[keys.SecretSize]byte) error {
	b := &bootRecord{Version: formatVersion, KeyID: kid[:]}
	if psk != nil {
		b.Key = psk[:]
	}
	text, err := b.encode(name)
	if err != nil {
		return err
	}
	defer clear(text)
	if _, err := os.Lstat(bootPath(device)); err == nil {
		return existsError(bootPath(device))
	}
	return createFile(freshPath(device), text, modeSecret)
}
