package firmware

import "errors"

// Slot is flash memory with a place for the device's identity and its boot log.
// TinyGo's machine.Flash satisfies it.
//
// Only the last SlotSize bytes are used, so that the slot stays where it is when
// the program grows. The memory is NOR flash or behaves like it: erasing sets
// every bit of a block, writing clears bits, and what has been written may be
// overwritten with zeros once more. What WriteAt and EraseBlocks have done when
// they return survives a power cut; what a cut interrupts may be left in any
// state within the bytes concerned, and harms no others.
type Slot interface {
	ReadAt(p []byte, off int64) (n int, err error)
	// WriteAt writes at an offset and of a length that are multiples of
	// WriteBlockSize. It does not keep p.
	WriteAt(p []byte, off int64) (n int, err error)
	// EraseBlocks erases n blocks from block number start on.
	EraseBlocks(start, n int64) error
	Size() int64
	WriteBlockSize() int64 // 1 to 256
	EraseBlockSize() int64
}

// minPage is the least that a page has: the identity and the first record, or a
// few records of the largest kind.
const minPage = 512

// maxWriteBlock is the largest WriteBlockSize, and so the largest step of a log.
const maxWriteBlock = 256

var errGeometry = errors.New("firmware: slot is too small, or its block sizes do not fit")

// SlotSize returns how many bytes at the end of a device the slot takes: three
// pages, each of 512 bytes or one erase block, whichever is larger. 0 means that
// the block sizes cannot be used.
func SlotSize(writeBlock, eraseBlock int64) int64 {
	if writeBlock < 1 || writeBlock > maxWriteBlock || maxWriteBlock%writeBlock != 0 ||
		eraseBlock < 1 || eraseBlock > 1<<20 {
		return 0
	}
	page := (minPage + eraseBlock - 1) / eraseBlock * eraseBlock
	if page%writeBlock != 0 {
		return 0
	}
	return 3 * page
}
