package firmware

import (
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// A record of the boot log.
const (
	recordMagic   = "VSBR"
	recordVersion = 1
	recordSize    = 64

	recordKid        = 8
	recordBoot       = 16
	recordGeneration = 24
	recordKey        = 28
	recordHead       = 24
	recordCRC        = 60

	kindBoot   = 1 // boot counter, and the key of the generation to come
	kindAnchor = 2 // head of the anchor that a boot record was written for
)

// maxBoot leaves room above every counter that is ever stored.
const maxBoot = 1<<63 - 1

type record struct {
	kind       byte
	kid        keys.KeyID
	boot       uint64 // anchors begun so far
	generation uint32 // of key
	key        [keys.SecretSize]byte
	head       seal.Head
}

func (r *record) append(dst []byte) []byte {
	start := len(dst)
	for range recordSize {
		dst = append(dst, 0)
	}
	b := dst[start:]
	copy(b, recordMagic)
	b[4], b[5] = recordVersion, r.kind
	copy(b[recordKid:], r.kid[:])
	putUint64(b[recordBoot:], r.boot)
	if r.kind == kindBoot {
		putUint32(b[recordGeneration:], r.generation)
		copy(b[recordKey:], r.key[:])
	} else {
		copy(b[recordHead:], r.head[:])
	}
	putUint32(b[recordCRC:], checksum(b[:recordCRC]))
	return dst
}

// parse reads a record of recordSize bytes; false if it is none, or damaged.
func (r *record) parse(b []byte) bool {
	if len(b) != recordSize || !begins(b, recordMagic) || b[4] != recordVersion ||
		b[6] != 0 || b[7] != 0 || getUint32(b[recordCRC:]) != checksum(b[:recordCRC]) {
		return false
	}
	r.kind = b[5]
	copy(r.kid[:], b[recordKid:])
	r.boot = getUint64(b[recordBoot:])
	switch r.kind {
	case kindBoot:
		r.generation = getUint32(b[recordGeneration:])
		copy(r.key[:], b[recordKey:])
		return r.boot <= maxBoot && r.generation <= keys.MaxGeneration && !allAre(r.key[:], 0)
	case kindAnchor:
		copy(r.head[:], b[recordHead:])
		return r.boot <= maxBoot && !allAre(r.head[:8], 0) && allAre(b[recordHead+len(r.head):recordCRC], 0)
	}
	return false
}

// erase overwrites the key.
func (r *record) erase() { r.key = [keys.SecretSize]byte{} }

// checksum is CRC-32C (Castagnoli), against noise and torn writes, bit by bit:
// a table would cost 1 KiB for some hundred bytes at each start.
func checksum(b []byte) uint32 {
	crc := ^uint32(0)
	for _, c := range b {
		crc ^= uint32(c)
		for range 8 {
			crc = crc>>1 ^ 0x82f63b78&-(crc&1)
		}
	}
	return ^crc
}

// begins compares without a conversion, which TinyGo puts on the heap.
func begins(b []byte, magic string) bool {
	for i := range len(magic) {
		if b[i] != magic[i] {
			return false
		}
	}
	return true
}

func allAre(b []byte, want byte) bool {
	for _, c := range b {
		if c != want {
			return false
		}
	}
	return true
}

func putUint32(b []byte, n uint32) {
	b[0], b[1], b[2], b[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
}

func putUint64(b []byte, n uint64) {
	putUint32(b, uint32(n>>32))
	putUint32(b[4:], uint32(n))
}

func getUint32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func getUint64(b []byte) uint64 { return uint64(getUint32(b))<<32 | uint64(getUint32(b[4:])) }
