package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// DeviceOptions are the choices for a new device.
type DeviceOptions struct {
	// PreShared gives the device a pre-shared key in the place of recipients.
	// Every recipient of the site gets it too.
	PreShared bool

	// Algorithm of the signing key: AlgEd25519 (the default) or AlgESP256.
	Algorithm keys.Algorithm

	// PublicKey enrols a key made elsewhere, such as in a secure element. No
	// secret is made or stored then, and Algorithm and PreShared do not apply.
	PublicKey keys.PublicKey

	// NotAfter is when the device expires. Zero: never.
	NotAfter time.Time
}

// AddDevice makes the identity of a device in the directory of its gateway and
// enters it into the roster, from which it is valid at once.
func (s *Site) AddDevice(gateway, name string, o DeviceOptions) (Device, error) {
	for _, n := range []string{gateway, name} {
		if err := CheckName(n); err != nil {
			return Device{}, err
		}
	}
	d := Device{Name: name, Gateway: gateway, PreShared: o.PreShared, NotAfter: o.NotAfter.UTC().Truncate(time.Second)}
	err := s.change(func(r Roster) (*Roster, error) {
		if _, err := os.Stat(s.path(gatewaysDir, gateway)); err != nil {
			return nil, unknownError("gateway", gateway)
		}
		if other, ok := r.DeviceNamed(name); ok && other.Revoked.IsZero() {
			return nil, fmt.Errorf("identity: device %q (%v) %w", name, other.KeyID, ErrExists)
		}
		d.Added = s.now().UTC().Truncate(time.Second)
		if err := s.makeDevice(&r, &d, o); err != nil {
			return nil, err
		}
		if _, ok := r.Device(d.KeyID); ok {
			return nil, fmt.Errorf("identity: key %v %w", d.KeyID, ErrExists)
		}
		r.Devices = append(r.Devices, d)
		return &r, nil
	})
	return d, err
}

// makeDevice sets the key of d, and writes what belongs to it.
func (s *Site) makeDevice(r *Roster, d *Device, o DeviceOptions) error {
	if o.PublicKey != (keys.PublicKey{}) {
		if o.PreShared {
			return errors.New("identity: a device with a key made elsewhere cannot have a pre-shared key made here")
		}
		d.PublicKey, d.KeyID = o.PublicKey, o.PublicKey.ID()
		return nil
	}
	doc, err := s.newDevice(d, o.Algorithm)
	if err != nil {
		return err
	}
	defer clear(doc.Private)
	var psk *[keys.SecretSize]byte
	if o.PreShared {
		psk = (*[keys.SecretSize]byte)(randomBytes(keys.SecretSize))
		defer clear(psk[:])
	}
	return s.writeDevice(r, d, doc, psk)
}

func (s *Site) newDevice(d *Device, alg keys.Algorithm) (*deviceDocument, error) {
	if alg == 0 {
		alg = keys.AlgEd25519
	}
	doc := &deviceDocument{
		Version: formatVersion, Site: s.Public.Name, SiteKey: s.Public.Key.Bytes(), Gateway: d.Gateway, Name: d.Name,
		Algorithm: int64(alg), Private: randomBytes(keys.SecretSize), PreShared: d.PreShared,
	}
	// 32 random bytes are a scalar on P-256 but for one draw in 2^32: that one
	// is refused, and the administrator asks again.
	signer, err := doc.signer()
	if err != nil {
		return nil, fmt.Errorf("identity: key of device %q: %w", d.Name, err)
	}
	d.PublicKey = signer.Public()
	d.KeyID = d.PublicKey.ID()
	return doc, nil
}

// writeDevice writes the files of a device, all or none: what is left over by a
// failure is erased again.
func (s *Site) writeDevice(r *Roster, d *Device, doc *deviceDocument, psk *[keys.SecretSize]byte) (err error) {
	path := s.path(gatewaysDir, d.Gateway, devicesDir, d.Name+deviceSuffix)
	if _, err := os.Lstat(path); err == nil {
		return existsError(path)
	}
	written := []string{freshPath(path), path}
	defer func() {
		if err != nil {
			for _, p := range written {
				err = errors.Join(err, eraseFile(p))
			}
		}
	}()
	if psk != nil {
		key, err := keys.NewSoftwarePSK(d.KeyID, 0, psk)
		if err != nil {
			return err
		}
		for i := range r.Recipients {
			p := s.pskPath(r.Recipients[i].Name, d.KeyID)
			written = append(written, p)
			if err := createPSK(p, d.KeyID, key); err != nil {
				return err
			}
		}
	}
	if err := createFresh(path, d.Name, d.KeyID, psk); err != nil {
		return err
	}
	text, err := armour(typeDevice, d.Name, d.KeyID.String(), doc)
	if err != nil {
		return err
	}
	defer clear(text)
	return createFile(path, text, modeSecret)
}

func (s *Site) pskPath(recipient string, device keys.KeyID) string {
	return s.path(recipientsDir, recipient, pskDir, device.String()+pskSuffix)
}

func createPSK(path string, device keys.KeyID, key *keys.SoftwarePSK) error {
	text, err := encodePSK(device, key)
	if err != nil {
		return err
	}
	defer clear(text)
	return createFile(path, text, modeSecret)
}

// RevokeDevice revokes the device with this name or key id (16 hexadecimal
// digits) from a time on, and erases the site's copy of its secrets. Copies
// elsewhere are out of reach: their messages are refused. A device already
// revoked can be revoked from an earlier time, not from a later one.
func (s *Site) RevokeDevice(nameOrID string, when time.Time) error {
	when = when.UTC().Truncate(time.Second)
	if when.Unix() <= 0 {
		return fmt.Errorf("identity: revocation at %v is out of range", when)
	}
	var first *Device // revoked now and not before
	err := s.change(func(r Roster) (*Roster, error) {
		i := r.find(nameOrID)
		if i < 0 {
			return nil, unknownError("device", nameOrID)
		}
		d := &r.Devices[i]
		if !d.Revoked.IsZero() && !when.Before(d.Revoked) {
			return nil, fmt.Errorf("identity: device %q (%v) is revoked since %s", d.Name, d.KeyID, d.Revoked.Format(time.RFC3339))
		}
		if d.Revoked.IsZero() {
			first = d
		}
		d.Revoked = when
		return &r, nil
	})
	if err != nil || first == nil {
		return err // files of the name of a device revoked before may be its successor's
	}
	return s.eraseDevice(first)
}

func (s *Site) eraseDevice(d *Device) error {
	path := s.path(gatewaysDir, d.Gateway, devicesDir, d.Name+deviceSuffix)
	return errors.Join(eraseFile(path), eraseFile(freshPath(path)), eraseFile(bootPath(path)), eraseFile(lockPath(path)))
}

// find returns the index of the device with a key id, or of that with a name
// which DeviceNamed returns, or -1.
func (r *Roster) find(nameOrID string) int {
	named, ok := r.DeviceNamed(nameOrID)
	for i := range r.Devices {
		if ok && r.Devices[i].KeyID == named.KeyID {
			return i
		}
	}
	for i := range r.Devices {
		if r.Devices[i].KeyID.String() == nameOrID {
			return i
		}
	}
	return -1
}

// RecipientOptions are the choices for a new recipient.
type RecipientOptions struct {
	// Classical makes no X-Wing key, for a recipient on a platform without
	// ML-KEM. What is recorded today could then be read by a quantum computer.
	Classical bool
}

// AddRecipient makes the directory of a recipient: its keys, a receiver's
// certificate, and the pre-shared keys of the site's devices. Anchors are
// wrapped to it from the next one on.
func (s *Site) AddRecipient(name string, o RecipientOptions) (RecipientKey, error) {
	if err := CheckName(name); err != nil {
		return RecipientKey{}, err
	}
	var public RecipientKey
	err := s.change(func(r Roster) (*Roster, error) {
		if r.recipient(name) >= 0 {
			return nil, fmt.Errorf("identity: recipient %q %w", name, ErrExists)
		}
		doc, key, err := newRecipient(s.Public.Name, name, o.Classical)
		if err != nil {
			return nil, err
		}
		defer clear(doc.X25519)
		defer clear(doc.XWing)
		public = key
		err = buildDir(s.path(recipientsDir, name), func(dir string) error { return s.fillRecipient(dir, &r, doc, &key) })
		if err != nil {
			return nil, err
		}
		r.Recipients = append(r.Recipients, key)
		return &r, nil
	})
	return public, err
}

func (s *Site) fillRecipient(dir string, r *Roster, doc *recipientDocument, key *RecipientKey) error {
	_, kid := key.ID()
	text, err := armour(typeRecipient, doc.Name, kid.String(), doc)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := createFile(filepath.Join(dir, recipientFile), text, modeSecret); err != nil {
		return err
	}
	if err := s.issue(dir, receiverCert, receiverKey, leaf{commonName: receiverCN, unit: doc.Name}); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, pskDir), modeDir); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	for i := range r.Devices {
		d := &r.Devices[i]
		if !d.PreShared || !d.Revoked.IsZero() {
			continue
		}
		psk, err := s.findPSK(r, d)
		if err != nil {
			return err
		}
		if err := createPSK(filepath.Join(dir, pskDir, d.KeyID.String()+pskSuffix), d.KeyID, psk); err != nil {
			return err
		}
	}
	return s.introduce(dir)
}

// findPSK returns the pre-shared key of a device from its own files or from a
// recipient's.
func (s *Site) findPSK(r *Roster, d *Device) (*keys.SoftwarePSK, error) {
	path := s.path(gatewaysDir, d.Gateway, devicesDir, d.Name+deviceSuffix)
	record, _, err := readBoot(path, d.KeyID)
	if err == nil && len(record.Key) == keys.SecretSize {
		defer clear(record.Key)
		return keys.NewSoftwarePSK(d.KeyID, uint32(record.Generation), (*[keys.SecretSize]byte)(record.Key))
	}
	for i := range r.Recipients {
		_, key, err := loadPSK(s.pskPath(r.Recipients[i].Name, d.KeyID))
		if !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
	}
	return nil, &hintError{
		text: fmt.Sprintf("identity: the pre-shared key of device %q (%v) is no longer in the site's directory", d.Name, d.KeyID),
		hint: "put back one recipient's psk directory, or revoke the device and add it anew",
		err:  ErrUnknown,
	}
}

// RemoveRecipient takes a recipient off the roster, so that later anchors are
// not wrapped to it, and erases the site's copy of its secrets. What it could
// open before, it still can; pre-shared keys it has, it keeps.
func (s *Site) RemoveRecipient(name string) error {
	err := s.change(func(r Roster) (*Roster, error) {
		i := r.recipient(name)
		if i < 0 {
			return nil, unknownError("recipient", name)
		}
		r.Recipients = append(r.Recipients[:i], r.Recipients[i+1:]...)
		return &r, nil
	})
	if err != nil {
		return err
	}
	return s.eraseRecipient(name)
}

func (s *Site) eraseRecipient(name string) error {
	dir := s.path(recipientsDir, name)
	psks, err := namesIn(filepath.Join(dir, pskDir), pskSuffix)
	if err != nil {
		return err
	}
	secrets := []string{filepath.Join(dir, recipientFile), filepath.Join(dir, receiverKey)}
	for _, p := range psks {
		secrets = append(secrets, filepath.Join(dir, pskDir, p+pskSuffix))
	}
	for _, p := range secrets {
		if err := eraseFile(p); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

func unknownError(kind, name string) error {
	return fmt.Errorf("identity: %s %.80q %w", kind, name, ErrUnknown)
}
