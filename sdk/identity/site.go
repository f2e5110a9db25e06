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

// Default lifetimes of certificates.
const (
	DefaultCALife   = 10 * 365 * 24 * time.Hour
	DefaultCertLife = 365 * 24 * time.Hour
)

// SiteOptions are the choices that are made once for a site.
type SiteOptions struct {
	CALife time.Duration    // of the authority's certificate; 0: DefaultCALife
	Now    func() time.Time // nil: time.Now
}

// Site is the administrator's directory of a site: every key that the site
// gives out is made here. A Site is used by one goroutine; changes by several
// processes are serialised by a lock on the directory's key. Printing it shows
// no secret.
type Site struct {
	Dir    string
	Public SitePublic

	CertLife time.Duration    // of certificates issued from now on; 0: DefaultCertLife
	Now      func() time.Time // nil: time.Now

	s *siteState
}

type siteState struct {
	key       *keys.Ed25519
	authority *authority
	roster    *Roster
}

type siteKeyDocument struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Name    string
	Seed    []byte
}

// CreateSite makes the directory of a new site: its key, its certificate
// authority and an empty roster. The directory must not exist, or be empty; it
// appears whole or not at all.
func CreateSite(dir, name string, o SiteOptions) (*Site, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	life := o.CALife
	if life == 0 {
		life = DefaultCALife
	}
	if life < 0 {
		return nil, fmt.Errorf("identity: life %v of the certificate authority is negative", life)
	}
	err := buildDir(dir, func(dir string) error { return fillSite(dir, name, now(), life) })
	if err != nil {
		return nil, err
	}
	site, err := OpenSite(dir)
	if err == nil {
		site.Now = o.Now
	}
	return site, err
}

func fillSite(dir, name string, now time.Time, life time.Duration) error {
	seed := (*[keys.SecretSize]byte)(randomBytes(keys.SecretSize))
	defer clear(seed[:])
	key := keys.NewEd25519(seed)
	public := SitePublic{Name: name, Key: key.Public()}
	ca, caKey, err := newAuthority(name, now, life)
	if err != nil {
		return fmt.Errorf("identity: certificate authority: %w", err)
	}
	defer clear(caKey)
	roster := &Roster{Site: name, Serial: 1, Issued: now}
	if err := roster.sign(key); err != nil {
		return err
	}
	kid := public.Key.ID()
	keyText, err := armour(typeSiteKey, name, kid.String(), &siteKeyDocument{Version: formatVersion, Name: name, Seed: seed[:]})
	if err != nil {
		return err
	}
	defer clear(keyText)
	for _, d := range []string{gatewaysDir, recipientsDir} {
		if err := os.Mkdir(filepath.Join(dir, d), modeDir); err != nil {
			return fmt.Errorf("identity: %w", err)
		}
	}
	return createFiles(dir, []newFile{
		{siteKeyFile, keyText, modeSecret},
		{caKeyFile, caKey, modeSecret},
		{caFile, ca.pem, modePublic},
		{sitePublicFile, []byte(public.String() + "\n"), modePublic},
		{rosterFile, roster.signed, modePublic},
	})
}

type newFile struct {
	name string
	data []byte
	mode fs.FileMode
}

func createFiles(dir string, files []newFile) error {
	for _, f := range files {
		if err := createFile(filepath.Join(dir, f.name), f.data, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// OpenSite opens a site's directory and checks what is in it: permissions, that
// the keys belong together, and the roster's signature.
func OpenSite(dir string) (*Site, error) {
	s := &Site{Dir: dir, s: &siteState{}}
	path := filepath.Join(dir, siteKeyFile)
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var doc siteKeyDocument
	if err := unarmour(typeSiteKey, path, text, &doc); err != nil {
		return nil, err
	}
	defer clear(doc.Seed)
	if doc.Version != formatVersion {
		return nil, versionError(path, doc.Version)
	}
	if len(doc.Seed) != keys.SecretSize || CheckName(doc.Name) != nil {
		return nil, fmt.Errorf("identity: %q is damaged", path)
	}
	s.s.key = keys.NewEd25519((*[keys.SecretSize]byte)(doc.Seed))
	s.Public = SitePublic{Name: doc.Name, Key: s.s.key.Public()}
	public, err := LoadSitePublic(filepath.Join(dir, sitePublicFile))
	if err != nil {
		return nil, err
	}
	if public != s.Public {
		return nil, fmt.Errorf("identity: %q is not the public key of %q", sitePublicFile, path)
	}
	if s.s.authority, err = loadAuthority(dir); err != nil {
		return nil, err
	}
	s.s.roster, err = readRoster(filepath.Join(dir, rosterFile), s.Public, nil)
	return s, err
}

// String returns the name and the key id.
func (s Site) String() string { return fmt.Sprintf("site %s (%v)", s.Public.Name, s.Public.Key.ID()) }

// Format makes every verb print what String returns.
func (s Site) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// Roster returns the site's roster as of OpenSite or the last change through
// this Site.
func (s *Site) Roster() *Roster { return s.s.roster }

func (s *Site) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Site) certLife() time.Duration {
	if s.CertLife > 0 {
		return s.CertLife
	}
	return DefaultCertLife
}

func (s *Site) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// change runs one change under the site's lock, on the roster as it is on disk.
// A roster that do returns is signed with the next serial and given to every
// directory; nil leaves it as it is.
func (s *Site) change(do func(r Roster) (*Roster, error)) error {
	f, err := openSecret(s.path(siteKeyFile), os.O_RDONLY)
	if err != nil {
		return err
	}
	if err := lock(f, "wait until the other change to the site is done"); err != nil {
		return errors.Join(err, f.Close())
	}
	defer unlock(f)
	current, err := readRoster(s.path(rosterFile), s.Public, s.s.roster)
	if err != nil {
		return err
	}
	s.s.roster = current
	work := *current
	work.Devices = append([]Device(nil), current.Devices...)
	work.Recipients = append([]RecipientKey(nil), current.Recipients...)
	next, err := do(work)
	if err != nil {
		return err
	}
	if next != nil {
		next.Serial, next.Issued = current.Serial+1, s.now().UTC().Truncate(time.Second)
		if err := next.sign(s.s.key); err != nil {
			return err
		}
		// What was signed must be what receivers accept.
		if next, err = ParseRoster(next.signed, s.Public); err != nil {
			return err
		}
		if err := replaceFile(s.path(rosterFile), next.signed, modePublic); err != nil {
			return err
		}
		s.s.roster = next
	}
	return s.distribute()
}

// distribute puts the roster into the directories of gateways and recipients.
func (s *Site) distribute() error {
	for _, kind := range []string{gatewaysDir, recipientsDir} {
		names, err := namesIn(s.path(kind), "")
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := replaceFile(s.path(kind, name, rosterFile), s.s.roster.signed, modePublic); err != nil {
				return err
			}
		}
	}
	return nil
}

// AddBroker makes the certificate of the site's broker, in broker/. It is valid
// for localhost, 127.0.0.1, ::1 and the hosts given, names or addresses.
func (s *Site) AddBroker(hosts []string) error {
	all := []string{"localhost", "127.0.0.1", "::1"}
	for _, host := range hosts {
		if host == "" {
			return errors.New("identity: empty name of a host")
		}
		all = append(all, host)
	}
	return s.change(func(Roster) (*Roster, error) {
		return nil, buildDir(s.path(brokerDir), func(dir string) error {
			return s.issue(dir, brokerCert, brokerKey, leaf{commonName: all[min(len(hosts), 1)*3], hosts: all})
		})
	})
}

// AddGateway makes the directory of a gateway: its certificate, whose common
// name is the gateway's, what it needs to know of the site, and the identity of
// the device with the gateway's name, under which it seals what it has to say of
// itself.
func (s *Site) AddGateway(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if name == receiverCN || name == beaconName {
		return &hintError{
			text: fmt.Sprintf("identity: name %q has a meaning of its own at the broker", name),
			hint: "choose a name such as gw-2-north",
		}
	}
	return s.change(func(r Roster) (*Roster, error) {
		if d, ok := r.DeviceNamed(name); ok && d.Gateway != name && d.Revoked.IsZero() {
			return nil, fmt.Errorf("identity: device %q of gateway %q %w", name, d.Gateway, ErrExists)
		}
		err := buildDir(s.path(gatewaysDir, name), func(dir string) error {
			if err := os.Mkdir(filepath.Join(dir, devicesDir), modeDir); err != nil {
				return fmt.Errorf("identity: %w", err)
			}
			if err := s.issue(dir, gatewayCert, gatewayKey, leaf{commonName: name}); err != nil {
				return err
			}
			return s.introduce(dir)
		})
		if err != nil {
			return nil, err
		}
		if _, err := s.addOwn(&r, name); err != nil {
			return nil, errors.Join(err, os.RemoveAll(s.path(gatewaysDir, name)))
		}
		return &r, nil
	})
}

func (s *Site) issue(dir, certFile, keyFile string, l leaf) error {
	return s.s.authority.issue(dir, certFile, keyFile, s.s.authority.template(l, s.now(), s.certLife()))
}

// introduce writes what everybody needs to know of the site.
func (s *Site) introduce(dir string) error {
	return createFiles(dir, []newFile{
		{sitePublicFile, []byte(s.Public.String() + "\n"), modePublic},
		{rosterFile, s.s.roster.signed, modePublic},
	})
}

// RenewCertificates renews, for their keys and with their names, all
// certificates in the site's directory that end within the given time, and
// returns the paths of those it renewed. Copy each to where it is used; it is
// picked up at the next connection. A gateway that has no identity of its own
// yet, and a recipient that has no key to sign receipts with, from before there
// was one, get it.
func (s *Site) RenewCertificates(within time.Duration) (renewed []string, err error) {
	err = s.change(func(r Roster) (*Roster, error) {
		certs, err := s.certificates()
		if err != nil {
			return nil, err
		}
		now := s.now()
		for _, c := range certs {
			done, err := s.s.authority.renew(c.cert, c.key, now, now.Add(within), s.certLife())
			if err != nil {
				return nil, err
			}
			if done {
				renewed = append(renewed, c.cert)
			}
		}
		owns, err := s.addOwns(&r)
		if err != nil {
			return nil, err
		}
		signers, err := s.addReceiptKeys(&r)
		if err != nil || !owns && !signers {
			return nil, err
		}
		return &r, nil
	})
	return renewed, err
}

// addOwns is addOwn for every gateway, and reports whether one lacked it.
func (s *Site) addOwns(r *Roster) (added bool, err error) {
	gateways, err := namesIn(s.path(gatewaysDir), "")
	if err != nil {
		return false, err
	}
	for _, gateway := range gateways {
		one, err := s.addOwn(r, gateway)
		if err != nil {
			return false, err
		}
		added = added || one
	}
	return added, nil
}

type certPaths struct{ cert, key string }

func (s *Site) certificates() ([]certPaths, error) {
	var all []certPaths
	if _, err := os.Stat(s.path(brokerDir, brokerCert)); err == nil {
		all = append(all, certPaths{s.path(brokerDir, brokerCert), s.path(brokerDir, brokerKey)})
	}
	for kind, files := range map[string][2]string{
		gatewaysDir: {gatewayCert, gatewayKey}, recipientsDir: {receiverCert, receiverKey},
	} {
		names, err := namesIn(s.path(kind), "")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, certPaths{s.path(kind, name, files[0]), s.path(kind, name, files[1])})
		}
	}
	return all, nil
}
