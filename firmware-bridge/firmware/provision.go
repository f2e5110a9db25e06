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

// AppendProvision appends the image that a device is given before it leaves the
// bench, ProvisionSize bytes; FORMAT.md gives its layout. It takes the name of the
// site the device is enrolled at (1 to 64 bytes of UTF-8), the seed of its
// Ed25519 key and K_dev[0]. A site's name that is none and secrets of zeros are
// ErrProvision.
func AppendProvision(dst []byte, site string, seed, psk *[keys.SecretSize]byte) ([]byte, error) {
	if len(site) == 0 || len(site) > seal.MaxSite || !utf8.ValidString(site) || allAre(seed[:], 0) || allAre(psk[:], 0) {
		return dst, ErrProvision
	}
	public := keys.NewEd25519(seed).Public()
	id := identity{site: site, kid: public.ID(), seed: *seed}
	dst = id.append(dst)
	first := record{kind: kindBoot, kid: id.kid, key: *psk}
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
	if len(b) < identityUsed || !begins(b, identityMagic) || b[4] != identityVersion ||
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
