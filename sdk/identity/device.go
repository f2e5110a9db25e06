package identity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

const deviceSuffix = ".device"

func trimDevice(path string) string { return strings.TrimSuffix(path, deviceSuffix) }

// DeviceIdentity is one device whose keys this process holds. It is a
// keys.Signer, may be used by several goroutines, and printing it shows no
// secret. Nobody else can load the same identity until Close.
type DeviceIdentity struct {
	Name    string
	Gateway string
	Site    SitePublic
	KeyID   keys.KeyID

	s *deviceState
}

// deviceState stands behind one pointer and its secrets behind another: fmt
// follows one where a verb does not fit and Format cannot be called, as in
// somebody's unexported field.
type deviceState struct {
	path      string
	file      *os.File // holds the lock
	signer    keys.Signer
	preShared bool

	mu     sync.Mutex
	boot   uint64            // last returned by NextBoot; 0: none
	psk    *keys.SoftwarePSK // of that start, until it is used or the next begins
	roster *Roster           // newest seen
	serial uint64            // highest seen, also before this process
}

type deviceDocument struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Site      string
	SiteKey   []byte // Ed25519
	Gateway   string
	Name      string
	Algorithm int64
	Private   []byte // Ed25519 seed, or scalar on P-256
	PreShared bool
}

// LoadDevice reads a device's identity, the boot record beside it and, unless
// the device has a pre-shared key, the roster of the gateway's directory (the
// parent of the directory that path is in).
//
// It fails on files that others can read, on a boot record that cannot be
// relied on (ErrBootRecord), on a roster older than one already used
// (ErrOlderRoster) and, last of all, on an identity that is in use (ErrInUse).
func LoadDevice(path string) (*DeviceIdentity, error) {
	d, err := readDevice(path)
	if err != nil {
		return nil, err
	}
	if d.s.file, err = lockDevice(path); err != nil {
		return nil, err
	}
	return d, nil
}

func readDevice(path string) (*DeviceIdentity, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var doc deviceDocument
	if err := unarmour(typeDevice, path, text, &doc); err != nil {
		return nil, err
	}
	defer clear(doc.Private)
	d, err := doc.identity(path)
	if err != nil {
		return nil, err
	}
	record, _, err := readBoot(path, d.KeyID)
	if err != nil {
		return nil, err
	}
	clear(record.Key)
	d.s.path, d.s.serial = path, record.Serial
	if !doc.PreShared {
		if _, err := d.readRoster(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// lockDevice locks a file of its own: one that is also copied to the gateway
// could be replaced, lock and all, while it is held.
func lockDevice(path string) (*os.File, error) {
	f, err := os.OpenFile(lockPath(path), os.O_RDWR|os.O_CREATE|openNonblock, modeSecret)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := lock(f, "stop the other one first: two that seal as one device look like a forgery to receivers"); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (doc *deviceDocument) identity(path string) (*DeviceIdentity, error) {
	if doc.Version != formatVersion {
		return nil, versionError(path, doc.Version)
	}
	siteKey, err := keys.NewPublicKey(keys.AlgEd25519, doc.SiteKey)
	if err != nil || CheckName(doc.Site) != nil || CheckName(doc.Gateway) != nil || CheckName(doc.Name) != nil {
		return nil, fmt.Errorf("identity: %q is damaged", path)
	}
	signer, err := doc.signer()
	if err != nil {
		return nil, fmt.Errorf("identity: %q is damaged: %w", path, err)
	}
	public := signer.Public()
	return &DeviceIdentity{
		Name: doc.Name, Gateway: doc.Gateway, KeyID: public.ID(),
		Site: SitePublic{Name: doc.Site, Key: siteKey},
		s:    &deviceState{signer: signer, preShared: doc.PreShared},
	}, nil
}

func (doc *deviceDocument) signer() (keys.Signer, error) {
	if len(doc.Private) != keys.SecretSize {
		return nil, errors.New("private key is not of 32 bytes")
	}
	private := (*[keys.SecretSize]byte)(doc.Private)
	switch keys.Algorithm(doc.Algorithm) {
	case keys.AlgEd25519:
		return keys.NewEd25519(private), nil
	case keys.AlgESP256:
		key, err := keys.NewP256(private)
		if err != nil {
			return nil, err
		}
		return key, nil
	}
	return nil, fmt.Errorf("signing algorithm %d is not known", doc.Algorithm)
}

// String returns the name and the key id.
func (d DeviceIdentity) String() string {
	return fmt.Sprintf("device %s (%v)", d.Name, d.KeyID)
}

// Format makes every verb print what String returns.
func (d DeviceIdentity) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

// Public implements keys.Signer.
func (d *DeviceIdentity) Public() keys.PublicKey { return d.s.signer.Public() }

// Sign implements keys.Signer.
func (d *DeviceIdentity) Sign(dst, message []byte) ([]byte, error) {
	return d.s.signer.Sign(dst, message)
}

// PreShared reports whether the device's content secrets come from a pre-shared
// key.
func (d *DeviceIdentity) PreShared() bool { return d.s.preShared }

// Close gives the identity free. Signing goes on to work; NextBoot does not.
func (d *DeviceIdentity) Close() error {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.s.file == nil {
		return nil
	}
	err := unlock(d.s.file)
	d.s.file, d.s.psk = nil, nil
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}

// NextBoot returns the boot counter of a new anchor, from 1. The counter has
// been stored durably before it returns, and with it the next generation of a
// pre-shared key, in the place of this start's, which is erased and from then on
// in memory only.
//
// On any error the device must not seal; ErrBootRecord is in the chain of those
// that concern the record.
func (d *DeviceIdentity) NextBoot() (uint64, error) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	return d.nextBoot()
}

func (d *DeviceIdentity) nextBoot() (uint64, error) {
	if d.s.file == nil {
		return 0, fmt.Errorf("identity: device %q has been closed", d.Name)
	}
	record, started, err := readBoot(d.s.path, d.KeyID)
	if err != nil {
		return 0, err
	}
	defer clear(record.Key)
	if d.s.boot != 0 && record.Boot != d.s.boot {
		return 0, bootError(d.s.path, "has been changed by someone else")
	}
	if (len(record.Key) != 0) != d.s.preShared {
		return 0, bootError(d.s.path, "is of another kind of device")
	}
	psk, err := record.next(d.KeyID)
	if err != nil {
		return 0, err
	}
	record.Serial = max(record.Serial, d.s.serial)
	if err := record.store(d.s.path, d.Name, started); err != nil {
		d.s.boot = 0 // the old record or the new one
		return 0, err
	}
	d.s.erasePSK()
	d.s.boot, d.s.psk = record.Boot, psk
	return record.Boot, nil
}

// erasePSK overwrites the pre-shared key, also for whoever holds it from PSK.
func (s *deviceState) erasePSK() {
	if s.psk != nil {
		s.psk.Erase()
		s.psk = nil
	}
}

// Recipients reads the gateway's roster anew and returns whom to wrap content
// secrets to. Errors are those of ParseRoster and Roster.Update; the recipients
// of the last good roster may be used on.
func (d *DeviceIdentity) Recipients() ([]RecipientKey, error) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	roster, err := d.readRoster()
	if err != nil {
		return nil, err
	}
	return roster.Recipients, nil
}

func (d *DeviceIdentity) readRoster() (*Roster, error) {
	path := filepath.Join(filepath.Dir(filepath.Dir(d.s.path)), rosterFile)
	roster, err := readRoster(path, d.Site, d.s.roster)
	if err != nil {
		return nil, err
	}
	if roster.Serial < d.s.serial {
		return nil, olderError(roster.Serial, d.s.serial)
	}
	d.s.roster, d.s.serial = roster, roster.Serial
	return roster, nil
}

// PrepareAnchor makes anchor one of this device and returns its content secret
// CS_0, both for seal.Sealer.Begin: it takes a new boot counter, draws a salt,
// and wraps a random secret to the recipients of the roster, or derives it from
// the pre-shared key. The fields it sets are Site, Boot, Salt, Recipients and
// Generation; Suite must be set before. On any error the device must not seal.
func (d *DeviceIdentity) PrepareAnchor(anchor *seal.Anchor) (secret [keys.SecretSize]byte, err error) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	var to []RecipientKey
	if !d.s.preShared {
		roster, err := d.readRoster()
		if err != nil {
			return secret, err
		}
		to = roster.Recipients
		if err := checkCount(to); err != nil {
			return secret, err // before a counter is used up
		}
	}
	boot, err := d.nextBoot()
	if err != nil {
		return secret, err
	}
	anchor.Site, anchor.Boot = d.Site.Name, boot
	anchor.Recipients, anchor.Generation = nil, 0
	copy(anchor.Salt[:], randomBytes(keys.SaltSize))
	if d.s.preShared {
		anchor.Generation = d.s.psk.Generation()
		err = d.s.psk.ContentSecret(&secret, d.KeyID, boot, &anchor.Salt)
		d.s.erasePSK() // before the first seal: only the ratchet goes on from here
		return secret, err
	}
	_, _ = rand.Read(secret[:]) // in place: a copy would outlive the ratchet's first step
	anchor.Recipients, err = Wrap(to, anchor, d.KeyID, &secret)
	return secret, err
}

// PSK returns the pre-shared key of the start that the last NextBoot began; nil
// before it, for a device without one, and after PrepareAnchor, which uses it up.
func (d *DeviceIdentity) PSK() keys.PreSharedKey {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.s.psk == nil {
		return nil
	}
	psk := d.s.psk
	return devicePSK{func() *keys.SoftwarePSK { return psk }}
}

// devicePSK hides the key behind a function: fmt follows a pointer when a verb
// does not fit, and never a function.
type devicePSK struct{ key func() *keys.SoftwarePSK }

func (p devicePSK) Generation() uint32 { return p.key().Generation() }

func (p devicePSK) ContentSecret(cs *[keys.SecretSize]byte, kid keys.KeyID, boot uint64, salt *[keys.SaltSize]byte) error {
	return p.key().ContentSecret(cs, kid, boot, salt)
}
