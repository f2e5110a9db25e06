package machine

import (
	"encoding/binary"
	"errors"
)

// Layouts of a capture: pcap's file and record headers, and the header of
// LINKTYPE_USB_LINUX_MMAPPED (tcpdump.org's list of link types; the kernel's
// Documentation/usb/usbmon.rst), in the byte order of the machine that wrote it.
const (
	pcapMagic   = 0xa1b2c3d4
	pcapHeader  = 24
	pcapRecord  = 16
	linkUSBMmap = 220

	usbHeader      = 64
	usbType        = 8  // 'S': submitted
	usbTransfer    = 9  // 2: control
	usbSetupAbsent = 14 // 0: there is a setup packet
	usbSetup       = 40
)

// FTDI's vendor request for the modem lines (the kernel's ftdi_sio.h): values in
// the low byte of wValue, and in the high byte which of them are meant.
const (
	requestToDevice = 0x40
	setModemControl = 1
)

// ModemLines returns what an FTDI adapter was told of DTR and RTS, in order, from a
// capture of Adapter.Capture: "DTR on", "RTS off".
func ModemLines(capture []byte) ([]string, error) {
	order := binary.LittleEndian
	if len(capture) < pcapHeader || order.Uint32(capture) != pcapMagic || order.Uint32(capture[20:]) != linkUSBMmap {
		return nil, errors.New("no capture of USB")
	}
	var told []string
	for capture = capture[pcapHeader:]; len(capture) >= pcapRecord; {
		length := uint64(order.Uint32(capture[8:]))
		capture = capture[pcapRecord:]
		if length > uint64(len(capture)) {
			return nil, errors.New("the capture is cut short")
		}
		told = append(told, modemLines(capture[:length])...)
		capture = capture[length:]
	}
	return told, nil
}

func modemLines(packet []byte) (told []string) {
	if len(packet) < usbHeader || packet[usbType] != 'S' || packet[usbTransfer] != 2 || packet[usbSetupAbsent] != 0 {
		return nil
	}
	setup := packet[usbSetup:]
	if setup[0] != requestToDevice || setup[1] != setModemControl {
		return nil
	}
	for bit, name := range []string{"DTR", "RTS"} {
		switch {
		case setup[3]>>bit&1 == 0:
		case setup[2]>>bit&1 == 1:
			told = append(told, name+" on")
		default:
			told = append(told, name+" off")
		}
	}
	return told
}
