package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// Names of files; the tree stands in the package documentation.
const (
	siteKeyFile    = "site.key"
	sitePublicFile = "site.pub"
	caKeyFile      = "ca.key"
	caFile         = "ca.pem"
	rosterFile     = "roster"

	gatewaysDir   = "gateways"
	recipientsDir = "recipients"
	brokerDir     = "broker"
	devicesDir    = "devices"
	pskDir        = "psk"
	seenFile      = "roster.seen"

	brokerCert    = "cert.pem"
	brokerKey     = "key.pem"
	gatewayCert   = "gateway.pem"
	gatewayKey    = "gateway.key"
	receiverCert  = "receiver.pem"
	receiverKey   = "receiver.key"
	recipientFile = "recipient.key"
	receiptFile   = "receipt.key"

	pskSuffix = ".psk"
)

// Gateway is a gateway's directory, as copied from the site's.
type Gateway struct {
	Dir    string
	Name   string // of the certificate
	Site   SitePublic
	Roster *Roster // as of LoadGateway or the last ReadRoster
}

// LoadGateway reads and checks a gateway's directory, devices excepted.
func LoadGateway(dir string) (*Gateway, error) {
	g := &Gateway{Dir: dir}
	var err error
	if g.Site, err = LoadSitePublic(filepath.Join(dir, sitePublicFile)); err != nil {
		return nil, err
	}
	if _, err = g.ReadRoster(); err != nil {
		return nil, err
	}
	pair, _, err := g.Credentials()
	if err != nil {
		return nil, err
	}
	g.Name = pair.Leaf.Subject.CommonName
	if err := CheckName(g.Name); err != nil {
		return nil, fmt.Errorf("%w (in %q)", err, filepath.Join(dir, gatewayCert))
	}
	return g, nil
}

// Credentials reads the gateway's certificate and key and the roots for the
// broker's, anew at each call, so that a renewed certificate is used.
func (g *Gateway) Credentials() (tls.Certificate, *x509.CertPool, error) {
	return credentials(g.Dir, gatewayCert, gatewayKey)
}

// ReadRoster reads the roster anew. An older one than before is ErrOlderRoster;
// after an error g.Roster is the one before.
func (g *Gateway) ReadRoster() (*Roster, error) {
	roster, err := readRoster(filepath.Join(g.Dir, rosterFile), g.Site, g.Roster)
	if err != nil {
		return nil, err
	}
	g.Roster = roster
	return roster, nil
}

// Devices returns the names of the devices whose identities are here, sorted.
// The gateway's own is not among them; LoadDevice loads it by the gateway's name.
func (g *Gateway) Devices() ([]string, error) {
	names, err := namesIn(filepath.Join(g.Dir, devicesDir), deviceSuffix)
	return slices.DeleteFunc(names, func(name string) bool { return name == g.Name }), err
}

// HasDevice reports whether the identity of a device is here.
func (g *Gateway) HasDevice(name string) (bool, error) {
	if err := CheckName(name); err != nil {
		return false, err
	}
	_, err := os.Lstat(filepath.Join(g.Dir, devicesDir, name+deviceSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// LoadDevice loads the identity of one device; see the function LoadDevice.
func (g *Gateway) LoadDevice(name string) (*DeviceIdentity, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	path := filepath.Join(g.Dir, devicesDir, name+deviceSuffix)
	d, err := LoadDevice(path)
	if err != nil {
		return nil, err
	}
	if d.Site != g.Site || d.Name != name {
		return nil, errors.Join(fmt.Errorf("identity: %q is of device %q at site %q, want %q at %q",
			path, d.Name, d.Site.Name, name, g.Site.Name), d.Close())
	}
	return d, nil
}

// Receiver is a recipient's directory, as copied from the site's.
type Receiver struct {
	Dir     string
	Name    string
	Site    SitePublic
	Roster  *Roster // as of LoadReceiver or the last ReadRoster
	Keyring Keyring

	// Receipts signs receipts (seal.AppendReceipt). It is nil if there is no key for
	// that here, as in a directory made by an earlier version.
	Receipts keys.Signer
}

// LoadReceiver reads and checks a recipient's directory.
func LoadReceiver(dir string) (*Receiver, error) {
	r := &Receiver{Dir: dir}
	var err error
	if r.Site, err = LoadSitePublic(filepath.Join(dir, sitePublicFile)); err != nil {
		return nil, err
	}
	if err := r.loadKeys(filepath.Join(dir, recipientFile)); err != nil {
		return nil, err
	}
	if err := r.loadReceiptKey(filepath.Join(dir, receiptFile)); err != nil {
		return nil, err
	}
	if _, err := r.ReadRoster(); err != nil {
		return nil, err
	}
	_, _, err = r.Credentials()
	return r, err
}

// loadReceiptKey sets r.Receipts if there is a key.
func (r *Receiver) loadReceiptKey(path string) error {
	key, err := loadReceiptKey(path, r.Site.Name, r.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Receipts = key
	return nil
}

// CheckReceipts says why a gateway with this roster would not believe what Receipts
// signs; nil if it does. The error's Hint says how to get there.
func (r *Receiver) CheckReceipts(roster *Roster) error {
	entry, ok := roster.Recipient(r.Name)
	switch {
	case !ok:
		return unknownError("recipient", r.Name)
	case r.Receipts == nil || entry.Sign == (keys.PublicKey{}):
		return &hintError{
			text: fmt.Sprintf("identity: recipient %q has no key to sign receipts with", r.Name),
			hint: `run "vitalseal site renew" and copy the directory of the recipient again`,
		}
	case r.Receipts.Public() != entry.Sign:
		return &hintError{
			text: fmt.Sprintf("identity: %q is not the key that the roster has for recipient %q", filepath.Join(r.Dir, receiptFile), r.Name),
			hint: "copy the directory of the recipient again",
		}
	}
	return nil
}

func (r *Receiver) loadKeys(path string) error {
	text, err := readSecret(path)
	if err != nil {
		return err
	}
	defer clear(text)
	var doc recipientDocument
	if err := unarmour(typeRecipient, path, text, &doc); err != nil {
		return err
	}
	defer clear(doc.X25519)
	defer clear(doc.XWing)
	if doc.Version != formatVersion {
		return versionError(path, doc.Version)
	}
	if CheckName(doc.Name) != nil || doc.Site != r.Site.Name {
		return fmt.Errorf("identity: %q is of site %q, want %q", path, doc.Site, r.Site.Name)
	}
	secret, err := doc.secret()
	if err != nil {
		return err
	}
	r.Name, r.Keyring = doc.Name, newKeyring(secret)
	return nil
}

// Credentials reads the receiver's certificate and key and the roots for the
// broker's, anew at each call, so that a renewed certificate is used.
func (r *Receiver) Credentials() (tls.Certificate, *x509.CertPool, error) {
	return credentials(r.Dir, receiverCert, receiverKey)
}

// ReadRoster reads the roster anew, and the pre-shared keys of devices added
// since. An older roster than before, also before this process, is ErrOlderRoster.
// With an error and no roster r.Roster is the one before. A roster beside an error
// is in force: the error says which pre-shared keys cannot be read, and what those
// devices seal does not open, but whoever it revokes is revoked.
func (r *Receiver) ReadRoster() (*Roster, error) {
	roster, err := readRoster(filepath.Join(r.Dir, rosterFile), r.Site, r.Roster)
	if err != nil {
		return nil, err
	}
	if err := noteSerial(filepath.Join(r.Dir, seenFile), roster.Serial); err != nil {
		return nil, err
	}
	r.Roster = roster
	return roster, r.Keyring.loadPSKs(filepath.Join(r.Dir, pskDir))
}

// noteSerial refuses a serial below the highest that was ever noted in a file, and
// notes a higher one durably: a device that was revoked must not come back with
// the roster of a backup.
func noteSerial(path string, serial uint64) error {
	text, err := readSecret(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	seen := uint64(0)
	if err == nil {
		if seen, err = strconv.ParseUint(strings.TrimSuffix(string(text), "\n"), 10, 64); err != nil {
			return &hintError{
				text: fmt.Sprintf("identity: %q is damaged", path),
				hint: "make sure that the roster is the site's newest, then remove the file",
			}
		}
	}
	switch {
	case serial < seen:
		return olderError(serial, seen)
	case serial == seen:
		return nil
	}
	return replaceFile(path, strconv.AppendUint(nil, serial, 10), modeSecret)
}

// loadPSKs adds the keys of a directory that the keyring does not have, all that
// can be read.
func (k Keyring) loadPSKs(dir string) error {
	names, err := namesIn(dir, pskSuffix)
	if err != nil {
		return err
	}
	k.k.mu.Lock()
	defer k.k.mu.Unlock()
	var failed []error
	for _, name := range names {
		path := filepath.Join(dir, name+pskSuffix)
		kid, key, err := loadPSK(path)
		if err == nil && kid.String() != name {
			err = fmt.Errorf("identity: %q is the key of device %v", path, kid)
		}
		if err != nil {
			failed = append(failed, err)
		} else if k.k.preShared[kid] == nil {
			k.k.preShared[kid] = &storedPSK{path: path, key: key}
		}
	}
	return errors.Join(failed...)
}

// readRoster reads and verifies a roster that may follow last, which is nil for
// the first.
func readRoster(path string, site SitePublic, last *Roster) (*Roster, error) {
	signed, err := readPublic(path)
	if err != nil {
		return nil, err
	}
	if last != nil {
		return last.Update(signed, site)
	}
	return ParseRoster(signed, site)
}

// namesIn returns the names, without suffix, of the files of a directory that
// have the suffix. A directory that is not there has none.
func namesIn(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	var names []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if ok && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}
