package firmware

import (
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// starts gives each anchor a boot counter and a content secret of its own: the
// boot log, and the key of the generation to come, which memory alone has once
// the log has moved on.
type starts struct {
	log  bootLog
	site string
	kid  keys.KeyID
	boot uint64 // the highest ever used
	psk  *keys.SoftwarePSK
	key  [keys.SecretSize]byte // to be stored; a field because what its address is passed of escapes
}

// open reads the slot and returns the device's signing key.
func (s *starts) open(slot Slot) (*keys.Ed25519, error) {
	var id identity
	if err := s.log.init(slot, &id); err != nil {
		return nil, err
	}
	signer := keys.NewEd25519(&id.seed)
	id.seed = [keys.SecretSize]byte{}
	public := signer.Public()
	if public.ID() != id.kid {
		return nil, ErrProvision
	}
	s.site, s.kid = id.site, id.kid
	err := s.log.scan(s.kid)
	if err == nil {
		s.boot = s.log.now.boot
		s.psk, err = keys.NewSoftwarePSK(s.kid, s.log.now.generation, &s.log.now.key)
	}
	s.log.now.erase()
	return signer, err
}

// previous names the chain that the device sealed before it started: its anchor
// and no more, since a power cut does not say how far it went.
func (s *starts) previous() seal.Checkpoint {
	var c seal.Checkpoint
	copy(c.EID[:], s.log.head[:])
	c.Head = s.log.head
	return c
}

// next sets secret to the content secret of the anchor with this salt and the
// returned counter and generation, which are used by no other: they are durable,
// and the key that the secret came from is gone, from flash and from memory. On
// an error they are used up, and secret is of no use.
func (s *starts) next(salt *[keys.SaltSize]byte, secret *[keys.SecretSize]byte) (boot uint64, generation uint32, err error) {
	if s.boot >= maxBoot {
		return 0, 0, ErrBootLog
	}
	s.boot++
	generation = s.psk.Generation()
	if err := s.psk.ContentSecret(secret, s.kid, s.boot, salt); err != nil {
		return 0, 0, err
	}
	if err := s.psk.Next(); err != nil {
		return 0, 0, err
	}
	s.key = s.psk.Key()
	err = s.log.advance(s.boot, s.psk.Generation(), &s.key)
	s.key = [keys.SecretSize]byte{}
	if err != nil {
		*secret = [keys.SecretSize]byte{}
	}
	return s.boot, generation, err
}
