package link

// crcTable holds the CRC-32C (Castagnoli, reflected) of every nibble. The
// standard library's hash/crc32 makes a table of 1 KiB in memory at the first
// use, and of 8 KiB where it is fast, which is more than a small sensor keeps in
// flight; sixteen entries cost 64 bytes, which TinyGo leaves in flash, and two
// look-ups a byte, far below what a UART takes to send it. The tests hold the two
// against each other.
var crcTable = [16]uint32{
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
}

const crcInit = 0xffffffff // also what the result is XORed with

// crcByte takes one more byte into a CRC that began as crcInit.
func crcByte(crc uint32, b byte) uint32 {
	crc ^= uint32(b)
	crc = crcTable[crc&15] ^ crc>>4
	return crcTable[crc&15] ^ crc>>4
}

// checksum returns the CRC-32C of p.
func checksum(p []byte) uint32 {
	crc := uint32(crcInit)
	for _, b := range p {
		crc = crcByte(crc, b)
	}
	return crc ^ crcInit
}
