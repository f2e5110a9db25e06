package machine_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/vitalseal/vitalseal/scripts/bedside/machine"
)

// usbCapture is a capture of control transfers with these setup packets.
func usbCapture(setups ...string) []byte {
	le := binary.LittleEndian
	c := make([]byte, 24)
	le.PutUint32(c, 0xa1b2c3d4)
	le.PutUint32(c[20:], 220)
	for _, setup := range setups {
		for _, kind := range []byte{'S', 'C'} { // each is submitted and completed
			record := make([]byte, 16+64)
			le.PutUint32(record[8:], 64)
			record[16+8], record[16+9] = kind, 2
			copy(record[16+40:], setup)
			c = append(c, record...)
		}
	}
	return c
}

func TestModemLines(t *testing.T) {
	got, err := machine.ModemLines(usbCapture(
		"\x40\x01\x03\x03\x00\x00\x00\x00", // both raised
		"\x40\x03\x1a\x00\x00\x00\x00\x00", // the baud rate
		"\x40\x01\x00\x02\x00\x00\x00\x00", // RTS alone dropped
		"\xc0\x01\x03\x03\x00\x00\x00\x00", // read
	))
	if want := []string{"DTR on", "RTS on", "RTS off"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestModemLinesRefuses(t *testing.T) {
	whole := usbCapture("\x40\x01\x03\x03\x00\x00\x00\x00")
	for name, c := range map[string][]byte{
		"nothing": nil, "text": []byte("no capture, but as long as the header of one"), "cut short": whole[:len(whole)-1],
	} {
		if got, err := machine.ModemLines(c); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}
