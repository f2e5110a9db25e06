package cbor

import "math/bits"

// Major types of RFC 8949, section 3.1, in the upper three bits of a head.
const (
	majorUint   = 0 << 5
	majorNegInt = 1 << 5
	majorBytes  = 2 << 5
	majorText   = 3 << 5
	majorArray  = 4 << 5
	majorMap    = 5 << 5
	majorTag    = 6 << 5
	majorSimple = 7 << 5
)

const (
	simpleFalse = majorSimple | 20
	simpleTrue  = majorSimple | 21
	simpleNull  = majorSimple | 22
)

// appendHead appends a head with the shortest encoding of n.
func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= 0xff:
		return append(dst, major|24, byte(n))
	case n <= 0xffff:
		return append(dst, major|25, byte(n>>8), byte(n))
	case n <= 0xffffffff:
		return append(dst, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, major|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
		byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// HeadLen returns the length in bytes (1, 2, 3, 5 or 9) of the head that an
// unsigned integer, a length or a count of n needs.
func HeadLen(n uint64) int {
	if n < 24 {
		return 1
	}
	switch bytes := (bits.Len64(n) + 7) / 8; {
	case bytes <= 2:
		return 1 + bytes
	case bytes <= 4:
		return 5
	}
	return 9
}

// AppendUint appends an unsigned integer.
func AppendUint(dst []byte, n uint64) []byte { return appendHead(dst, majorUint, n) }

// AppendInt appends a signed integer.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return appendHead(dst, majorNegInt, uint64(^n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

// AppendBytes appends a byte string.
func AppendBytes(dst, b []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

// AppendBytesHead appends the head of a byte string of n bytes; the caller
// appends the bytes.
func AppendBytesHead(dst []byte, n int) []byte { return appendHead(dst, majorBytes, uint64(n)) }

// AppendText appends a text string, which must be valid UTF-8.
func AppendText(dst []byte, s string) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

// AppendArray appends the head of an array of n items; the caller appends them.
func AppendArray(dst []byte, n int) []byte { return appendHead(dst, majorArray, uint64(n)) }

// AppendMap appends the head of a map of n pairs; the caller appends them in
// the bytewise order of their encoded keys.
func AppendMap(dst []byte, n int) []byte { return appendHead(dst, majorMap, uint64(n)) }

// AppendTag appends a tag; the caller appends the item it applies to.
func AppendTag(dst []byte, tag uint64) []byte { return appendHead(dst, majorTag, tag) }

// AppendBool appends true or false.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, simpleTrue)
	}
	return append(dst, simpleFalse)
}

// AppendNull appends null.
func AppendNull(dst []byte) []byte { return append(dst, simpleNull) }
