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

	// PublicKey enrols a key made elsewhere, such as in a secure element or for a
	// sensor that seals for itself. No identity is made or stored then, Algorithm
	// does not apply, and PreShared needs PreSharedKey.
	PublicKey keys.PublicKey

	// PreSharedKey is the key of generation 0 that the device with PublicKey was
	// given. Every recipient of the site gets a copy; the caller erases its own.
	PreSharedKey *[keys.SecretSize]byte

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
		if err := s.checkFree(&r, &d, o); err != nil {
			return nil, err
		}
		if err := s.enrol(&r, &d, o); err != nil {
			return nil, err
		}
		if _, err := s.addOwn(&r, gateway); err != nil {
			return nil, err
		}
		return &r, nil
	})
	return d, err
}

// checkFree refuses a name and a key that are taken.
func (s *Site) checkFree(r *Roster, d *Device, o DeviceOptions) error {
	if other, ok := r.DeviceNamed(d.Name); ok && other.Revoked.IsZero() {
		return fmt.Errorf("identity: device %q (%v) %w", d.Name, other.KeyID, ErrExists)
	}
	if _, err := os.Stat(s.path(gatewaysDir, d.Name)); err == nil && d.Name != d.Gateway {
		return &hintError{
			text: fmt.Sprintf("identity: %q is the name of a gateway", d.Name),
			hint: "choose another: a gateway seals what it has to say of itself as the device of its own name",
			err:  ErrExists,
		}
	}
	if o.PublicKey == (keys.PublicKey{}) {
		return nil
	}
	if _, ok := r.Device(o.PublicKey.ID()); ok {
		return fmt.Errorf("identity: key %v %w", o.PublicKey.ID(), ErrExists)
	}
	return nil
}

// enrol makes the device and enters it into the roster.
func (s *Site) enrol(r *Roster, d *Device, o DeviceOptions) error {
	d.Added = s.now().UTC().Truncate(time.Second)
	if err := s.makeDevice(r, d, o); err != nil {
		return err
	}
	r.Devices = append(r.Devices, *d)
	return nil
}

// addOwn makes the identity under which a gateway seals what it has to say of
// itself, the device of its own name, and reports whether it did. There is none
// yet at a gateway of an earlier version. One that was revoked is not made anew,
// nor one whose name another gateway's device has: the administrator decides.
func (s *Site) addOwn(r *Roster, gateway string) (bool, error) {
	if _, ok := r.DeviceNamed(gateway); ok {
		return false, nil
	}
	d := Device{Name: gateway, Gateway: gateway}
	if err := s.eraseDevice(&d); err != nil { // left by a change that did not reach the roster
		return false, err
	}
	return true, s.enrol(r, &d, DeviceOptions{})
}

// makeDevice sets the key of d, and writes what belongs to it.
func (s *Site) makeDevice(r *Roster, d *Device, o DeviceOptions) error {
	if o.PublicKey != (keys.PublicKey{}) {
		return s.makeDeviceElsewhere(r, d, o)
	}
	if o.PreSharedKey != nil {
		return errors.New("identity: a pre-shared key is given for a device whose public key is not")
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

// makeDeviceElsewhere takes the key of a device that has its secrets itself, and
// gives recipients what they need to open what it seals.
func (s *Site) makeDeviceElsewhere(r *Roster, d *Device, o DeviceOptions) error {
	if o.PreShared != (o.PreSharedKey != nil) {
		return errors.New("identity: a device with a key made elsewhere has a pre-shared key if it is given, and only then")
	}
	d.PublicKey, d.KeyID = o.PublicKey, o.PublicKey.ID()
	if !o.PreShared {
		return nil
	}
	if len(r.Recipients) == 0 {
		return &hintError{
			text: fmt.Sprintf("identity: there is no recipient to keep the pre-shared key of device %q", d.Name),
			hint: `add one first: "vitalseal site recipient"`,
		}
	}
	written, err := s.sharePSK(r, d, o.PreSharedKey)
	if err != nil {
		return errors.Join(err, eraseFiles(written))
	}
	return nil
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
			err = errors.Join(err, eraseFiles(written))
		}
	}()
	if psk != nil {
		shared, err := s.sharePSK(r, d, psk)
		written = append(written, shared...)
		if err != nil {
			return err
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

// sharePSK gives every recipient the pre-shared key of a device, and returns the
// files that it wrote, or began to.
func (s *Site) sharePSK(r *Roster, d *Device, psk *[keys.SecretSize]byte) (written []string, err error) {
	key, err := keys.NewSoftwarePSK(d.KeyID, 0, psk)
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	for i := range r.Recipients {
		p := s.pskPath(r.Recipients[i].Name, d.KeyID)
		written = append(written, p)
		if err := createPSK(p, d.KeyID, key); err != nil {
			return written, err
		}
	}
	return written, nil
}

func eraseFiles(paths []string) error {
	var errs []error
	for _, p := range paths {
		errs = append(errs, eraseFile(p))
	}
	return errors.Join(errs...)
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
		err = buildDir(s.path(recipientsDir, name), func(dir string) error { return s.fillRecipient(dir, &r, doc, &key) })
		if err != nil {
			return nil, err
		}
		public = key
		r.Recipients = append(r.Recipients, key)
		return &r, nil
	})
	return public, err
}

// fillRecipient writes what a recipient needs, and sets its key.Sign.
func (s *Site) fillRecipient(dir string, r *Roster, doc *recipientDocument, key *RecipientKey) (err error) {
	if key.Sign, err = s.createReceiptKey(dir, doc.Name); err != nil {
		return err
	}
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
	secrets := []string{filepath.Join(dir, recipientFile), filepath.Join(dir, receiptFile), filepath.Join(dir, receiverKey)}
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
