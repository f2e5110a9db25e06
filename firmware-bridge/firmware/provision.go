package firmware

import (
	"errors"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// ProvisionSize is the length of a provisioning image: the identity, and the
// boot record that the device begins with.
const ProvisionSize = identitySize + recordSize

// ErrProvision reports a slot that holds no provisioning, or a damaged one, or
// values that cannot be provisioned.
var ErrProvision = errors.New("firmware: slot is not provisioned")

// Provision is what a device is given before it leaves the bench. It holds
// pointers so that printing one shows no secret.
type Provision struct {
	Site string // name of the site the device is enrolled at, 1 to 64 bytes of UTF-8
	Seed *[keys.SecretSize]byte
	PSK  *[keys.SecretSize]byte // K_dev[0]
}

// Append appends the image, ProvisionSize bytes; FORMAT.md gives its layout. A
// site's name or a secret that is missing is ErrProvision.
func (p *Provision) Append(dst []byte) ([]byte, error) {
	if len(p.Site) == 0 || len(p.Site) > seal.MaxSite || !utf8.ValidString(p.Site) ||
		p.Seed == nil || p.PSK == nil || allAre(p.Seed[:], 0) || allAre(p.PSK[:], 0) {
		return dst, ErrProvision
	}
	public := keys.NewEd25519(p.Seed).Public()
	id := identity{site: p.Site, kid: public.ID(), seed: *p.Seed}
	dst = id.append(dst)
	first := record{kind: kindBoot, kid: id.kid, key: *p.PSK}
	dst = first.append(dst)
	id.seed, first.key = [keys.SecretSize]byte{}, [keys.SecretSize]byte{}
	return dst, nil
}

// The identity block. All of FORMAT.md's constants stand in this file and in
// record.go.
const (
	identityMagic   = "VSID"
	identityVersion = 1
	identitySize    = 256 // with padding, so that a record of 256-byte flash pages can follow

	identityKid  = 8
	identitySeed = 16
	identitySite = 48
	identityCRC  = 112
	identityUsed = 116
)

type identity struct {
	site string
	kid  keys.KeyID
	seed [keys.SecretSize]byte
}

func (id *identity) append(dst []byte) []byte {
	start := len(dst)
	for range identitySize {
		dst = append(dst, 0)
	}
	b := dst[start:]
	copy(b, identityMagic)
	b[4], b[5] = identityVersion, byte(len(id.site))
	copy(b[identityKid:], id.kid[:])
	copy(b[identitySeed:], id.seed[:])
	copy(b[identitySite:], id.site)
	putUint32(b[identityCRC:], checksum(b[:identityCRC]))
	for i := identityUsed; i < identitySize; i++ {
		b[i] = 0xff // left erased
	}
	return dst
}

// parse reads an identity block of identityUsed bytes or more; site is a copy.
// Anything but what append writes is ErrProvision.
func (id *identity) parse(b []byte) error {
	if len(b) < identityUsed || string(b[:4]) != identityMagic || b[4] != identityVersion ||
		getUint32(b[identityCRC:]) != checksum(b[:identityCRC]) {
		return ErrProvision
	}
	n := int(b[5])
	if n == 0 || n > seal.MaxSite || !allAre(b[6:identityKid], 0) || !allAre(b[identitySite+n:identityCRC], 0) ||
		!utf8.Valid(b[identitySite:identitySite+n]) {
		return ErrProvision
	}
	id.site = string(b[identitySite : identitySite+n])
	copy(id.kid[:], b[identityKid:])
	copy(id.seed[:], b[identitySeed:])
	return nil
}
