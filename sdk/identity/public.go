package identity

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
)

// maxName is the length of the longest name, and no longer than a label of DNS
// and a site's name in an anchor (seal.MaxSite).
const maxName = 64

const sitePublicPrefix = "vitalseal-site-1"

// SitePublic is what gateways and receivers pin: the name of a site and the key
// that signs its roster. SitePublics are comparable with ==.
type SitePublic struct {
	Name string
	Key  keys.PublicKey
}

// String returns the one line of a site.pub file:
//
//	vitalseal-site-1 NAME KEY
//
// with the key in unpadded base64url (RFC 4648, section 5).
func (s SitePublic) String() string {
	return sitePublicPrefix + " " + s.Name + " " + base64.RawURLEncoding.EncodeToString(s.Key.Bytes())
}

// ParseSitePublic reads what String returns; white space at the end is ignored.
func ParseSitePublic(text string) (SitePublic, error) {
	fields := strings.Split(strings.TrimSpace(text), " ")
	if len(fields) != 3 || fields[0] != sitePublicPrefix {
		return SitePublic{}, fmt.Errorf("identity: site key %.80q is not %q, name and key", text, sitePublicPrefix)
	}
	if err := CheckName(fields[1]); err != nil {
		return SitePublic{}, err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(raw) != ed25519.PublicKeySize || strings.ContainsAny(fields[2], "\r\n") {
		return SitePublic{}, fmt.Errorf("identity: key of site %q is not an Ed25519 public key", fields[1])
	}
	key, err := keys.NewPublicKey(keys.AlgEd25519, raw)
	if err != nil {
		return SitePublic{}, fmt.Errorf("identity: key of site %q: %w", fields[1], err)
	}
	return SitePublic{Name: fields[1], Key: key}, nil
}

// LoadSitePublic reads a site.pub file.
func LoadSitePublic(path string) (SitePublic, error) {
	text, err := readPublic(path)
	if err != nil {
		return SitePublic{}, err
	}
	site, err := ParseSitePublic(string(text))
	if err != nil {
		return SitePublic{}, fmt.Errorf("%w (in %q)", err, path)
	}
	return site, nil
}

// CheckName refuses what is not 1 to 64 of a-z, 0-9 and '-', the names of sites,
// gateways, devices and recipients: they stand in topics, certificates and paths.
func CheckName(name string) error {
	legal := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }) {
		return &hintError{
			text: fmt.Sprintf("identity: name %.80q is not 1 to %d of a-z, 0-9 and '-'", name, maxName),
			hint: "choose a name such as bed-12",
		}
	}
	return nil
}
