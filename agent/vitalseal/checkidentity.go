package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

// gateway looks at what the site gave this gateway.
func (k *checks) gateway() {
	g, err := identity.LoadGateway(k.conf.Site)
	if err != nil {
		k.fail("gateway", err)
		return
	}
	if g.Name != k.conf.Gateway.Name {
		k.fail("gateway", &hinted{fmt.Errorf("%q in the configuration, %q in the certificate in %q", k.conf.Gateway.Name, g.Name, k.conf.Site),
			"set [gateway] name, or copy the directory of the right gateway here"})
	} else {
		k.ok("gateway", "%q of site %q", g.Name, g.Site.Name)
	}
	r := g.Roster
	about := fmt.Sprintf("number %d of %s: %s, %s", r.Serial, r.Issued.Format(time.DateOnly),
		plural(len(r.Devices), "device"), plural(len(r.Recipients), "recipient"))
	if len(r.Recipients) == 0 {
		k.warn("roster", "%s: nobody can read what is sealed", about)
	} else {
		k.ok("roster", "%s", about)
	}
	k.receipts(r)
}

// receipts looks whether what the receivers sign could be verified here.
func (k *checks) receipts(r *identity.Roster) {
	for _, name := range k.conf.Outbox.Receipts {
		what := fmt.Sprintf("receipts of %q", name)
		if key, err := r.ReceiptKey(name); err != nil {
			k.fail(what, err)
		} else {
			k.ok(what, "verified with key id %v", key.ID())
		}
	}
}

// devices loads each identity that is there or should be: permissions, boot
// record and roster. They are found without the gateway's own files, which may
// be what is wrong.
func (k *checks) devices() {
	dir := filepath.Join(k.conf.Site, "devices")
	names := map[string]bool{}
	entries, _ := os.ReadDir(dir) // if it cannot be read, each device says why
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".device"); ok {
			names[name] = false
		}
	}
	carried := map[string]bool{}
	for _, s := range k.conf.Sensors {
		if s.Mode == config.Sealed {
			carried[s.Device] = true
		} else {
			names[s.Device] = true
		}
	}
	k.own(filepath.Join(dir, k.conf.Gateway.Name+".device"), names)
	site, siteErr := identity.LoadSitePublic(filepath.Join(k.conf.Site, "site.pub"))
	var roster *identity.Roster
	if siteErr == nil {
		if signed, err := os.ReadFile(filepath.Join(k.conf.Site, "roster")); err == nil {
			roster, _ = identity.ParseRoster(signed, site) // gateway has reported the error
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !carried[name] {
			k.device(name, filepath.Join(dir, name+".device"), roster, names[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(carried)) {
		_, here := names[name]
		k.carriedDevice(name, roster, here)
	}
}

// carriedDevice looks at a device that seals for itself: in the roster, of this
// gateway, and with its keys elsewhere.
func (k *checks) carriedDevice(name string, roster *identity.Roster, here bool) {
	what := fmt.Sprintf("device %q", name)
	if here {
		k.fail(what, &hinted{errors.New("its keys are at this gateway, so that it does not seal for itself"),
			`set mode = "plain", or provision the sensor as a device of another name`})
		return
	}
	if roster == nil {
		k.warn(what, "without a roster it is not known whether it counts")
		return
	}
	entry, ok := roster.DeviceNamed(name)
	switch status := entry.Status(k.now); {
	case !ok:
		k.fail(what, &hinted{errors.New("is not in the roster"), `"vitalseal device provision" makes it; then copy the gateway's directory here again`})
	case entry.Gateway != k.conf.Gateway.Name:
		k.fail(what, &hinted{fmt.Errorf("belongs to gateway %q", entry.Gateway), "add a device of this gateway at the site"})
	case status != identity.Valid:
		k.fail(what, &hinted{fmt.Errorf("key id %v is %v%s: nothing is taken from it", entry.KeyID, status, since(entry)),
			"provision a new device at the site"})
	default:
		k.ok(what, "key id %v, seals for itself", entry.KeyID)
	}
}

// own sees to it that the gateway's own identity is looked at, which no sensor
// uses, if it is there.
func (k *checks) own(path string, names map[string]bool) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		k.warn(fmt.Sprintf("device %q", k.conf.Gateway.Name), "the gateway has no identity of its own: what it notices itself, "+
			"such as a foreign device on a port, is logged and not signed; the next \"vitalseal site renew\" makes it")
		return
	}
	names[k.conf.Gateway.Name] = true
}

func (k *checks) device(name, path string, roster *identity.Roster, used bool) {
	what := fmt.Sprintf("device %q", name)
	d, err := identity.LoadDevice(path)
	switch {
	case errors.Is(err, identity.ErrInUse):
		k.ok(what, "in use by another process: is the agent running?")
		return
	case errors.Is(err, fs.ErrNotExist):
		k.fail(what, &hinted{err, "is it the name that \"vitalseal device add\" was given, and was the gateway's directory copied since?"})
		return
	case err != nil:
		k.fail(what, err)
		return
	}
	defer d.Close()
	if d.Gateway != k.conf.Gateway.Name {
		k.fail(what, &hinted{fmt.Errorf("belongs to gateway %q", d.Gateway), "add a device of this gateway at the site"})
		return
	}
	k.deviceStatus(what, d, roster, used)
}

func (k *checks) deviceStatus(what string, d *identity.DeviceIdentity, roster *identity.Roster, used bool) {
	if roster == nil {
		k.warn(what, "key id %v; without a roster it is not known whether it counts", d.KeyID)
		return
	}
	entry, status := roster.Lookup(d.KeyID, k.now)
	switch {
	case status == identity.Valid && used:
		k.ok(what, "key id %v", d.KeyID)
	case status == identity.Valid:
		k.ok(what, "key id %v; no sensor uses it", d.KeyID)
	case !used:
		k.warn(what, "key id %v is %v; no sensor uses it", d.KeyID, status)
	case status == identity.Unknown:
		k.fail(what, &hinted{fmt.Errorf("key id %v is not in the roster", d.KeyID), "copy the gateway's directory from the site again"})
	default:
		k.fail(what, &hinted{fmt.Errorf("key id %v is %v%s: receivers refuse what it seals", d.KeyID, status, since(entry)),
			"add a new device at the site and name it in the configuration"})
	}
}

func since(d identity.Device) string {
	switch {
	case !d.Revoked.IsZero():
		return " since " + d.Revoked.Format(time.RFC3339)
	case !d.NotAfter.IsZero():
		return " since " + d.NotAfter.Format(time.RFC3339)
	}
	return ""
}

// soon is how long before its end a certificate is worth a warning.
const soon = 30 * day

// certificates looks at the dates of the gateway's certificate and of the
// authority's, and at who may read the key if it is not in the site's directory.
func (k *checks) certificates() {
	b := k.conf.Broker
	if b.Certificate == "" { // name and key are LoadGateway's affair
		k.certificate("certificate", filepath.Join(k.conf.Site, "gateway.pem"), "")
		k.certificate("authority", filepath.Join(k.conf.Site, "ca.pem"), "")
		return
	}
	k.certificate("certificate", b.Certificate, k.conf.Gateway.Name)
	k.certificate("authority", b.CA, "")
	k.keyFile(b.Key)
}

func (k *checks) keyFile(key string) {
	info, err := os.Stat(key)
	switch {
	case err != nil:
		k.fail("certificate's key", err)
	case info.Mode().Perm()&0o077 != 0:
		k.fail("certificate's key", &hinted{fmt.Errorf("%q is open to others (mode %04o)", key, info.Mode().Perm()), "chmod 600 " + key})
	default:
		k.ok("certificate's key", "%q is closed to others", key)
	}
}

func (k *checks) certificate(what, path, name string) {
	cert, err := readCertificate(path)
	if err != nil {
		k.fail(what, err)
		return
	}
	if name != "" && cert.Subject.CommonName != name {
		k.fail(what, &hinted{fmt.Errorf("%q is of %q, not of %q", path, cert.Subject.CommonName, name),
			"the broker lets a gateway publish under the name in its certificate only"})
	}
	k.dates(what, path, cert)
}

func (k *checks) dates(what, path string, cert *x509.Certificate) {
	renew := `renew it with "vitalseal site renew" and copy it here, or set the clock`
	left := cert.NotAfter.Sub(k.now)
	switch {
	case k.now.Before(cert.NotBefore):
		k.fail(what, &hinted{fmt.Errorf("%q is not valid before %s", path, cert.NotBefore.Format(time.RFC3339)), "set the clock"})
	case left < 0:
		k.fail(what, &hinted{fmt.Errorf("%q ended at %s", path, cert.NotAfter.Format(time.RFC3339)), renew})
	case left < soon:
		k.warn(what, "%q ends in %s: %s", path, plural(int(left/day), "day"), renew)
	default:
		k.ok(what, "%q ends in %s", path, plural(int(left/day), "day"))
	}
}
