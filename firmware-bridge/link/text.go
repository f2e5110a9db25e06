package link

// The functions here do for UTF-8 (RFC 3629) what unicode/utf8 does, whose
// table of 256 bytes would be in a sensor's memory for two short texts.

// runeLen returns the length in bytes of the well-formed character that p begins
// with, or 0 if there is none.
func runeLen(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	b, low, high := p[0], byte(0x80), byte(0xbf)
	n := 0
	switch {
	case b < 0x80:
		return 1
	case b >= 0xc2 && b <= 0xdf:
		n = 2
	case b >= 0xe0 && b <= 0xef:
		n = 3
	case b >= 0xf0 && b <= 0xf4:
		n = 4
	}
	switch b { // no overlong forms, no surrogates, nothing above U+10FFFF
	case 0xe0:
		low = 0xa0
	case 0xed:
		high = 0x9f
	case 0xf0:
		low = 0x90
	case 0xf4:
		high = 0x8f
	}
	if n == 0 || len(p) < n || p[1] < low || p[1] > high {
		return 0
	}
	for _, c := range p[2:n] {
		if c&0xc0 != 0x80 {
			return 0
		}
	}
	return n
}

// validText reports whether p is UTF-8.
func validText(p []byte) bool {
	for len(p) > 0 {
		n := runeLen(p)
		if n == 0 {
			return false
		}
		p = p[n:]
	}
	return true
}

// repairText turns bytes that are not UTF-8 into question marks and returns how
// many bytes are left; if text was cut, a character that it ends inside goes.
func repairText(p []byte, cut bool) int {
	for i := 0; i < len(p); {
		n := runeLen(p[i:])
		if n > 0 {
			i += n
			continue
		}
		if cut && incomplete(p[i:]) {
			return i
		}
		p[i] = '?'
		i++
	}
	return len(p)
}

// incomplete reports whether p is the beginning of one character.
func incomplete(p []byte) bool {
	if len(p) > 3 {
		return false
	}
	whole := [4]byte{0x80, 0x80, 0x80, 0x80}
	if p[0] == 0xe0 || p[0] == 0xf0 {
		whole[1] = 0xa0 // 0x80 would make an overlong form
	}
	copy(whole[:], p)
	return runeLen(whole[:]) > len(p)
}
