package vital

// Coding says how the samples of a wave are packed.
type Coding uint8

// Codings. The numbers are wire constants.
const (
	CodingAuto  Coding = 0 // the encoder picks the shortest, all are lossless
	CodingInt16 Coding = 1 // big-endian two's complement
	Coding12Bit Coding = 2 // two samples in three bytes
	CodingRice  Coding = 3 // second-order delta, adaptive Golomb-Rice; any int32
)
