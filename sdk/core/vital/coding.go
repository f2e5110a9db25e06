package vital

// Coding says how the samples of a wave are packed.
type Coding uint8

// Codings. The numbers are wire constants; Rice coding with parameter k is
// CodingRice + k, k from 0 to 24.
const (
	CodingAuto  Coding = 0 // the encoder picks the shortest that is lossless
	CodingInt16 Coding = 1 // big-endian two's complement
	Coding12Bit Coding = 2 // two samples in three bytes
	CodingRice  Coding = 8 // second-order delta, Golomb-Rice
)
