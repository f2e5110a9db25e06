package firmware

import "errors"

// Entropy is where salts come from. Its promise:
//
//   - Fill sets every byte of p to bits that nobody can predict, not even
//     from all bits it gave before and after: a hardware generator with its
//     health tests on (NIST SP 800-90B), or a generator of SP 800-90A seeded
//     from one at every start. A counter, a serial number, the uptime, and noise
//     of an ADC that nobody has measured are none of these.
//   - It returns an error rather than less, and does not wait for ever.
//   - Weak returns true for a stand-in that breaks this promise, such as one for
//     an emulator. Every anchor then says so (seal.FlagWeakEntropy).
//
// Salts keep nonces apart where the boot log fails; the boot log keeps them apart
// where salts fail.
type Entropy interface {
	Fill(p []byte) error
	Weak() bool
}

var (
	errConfig  = errors.New("firmware: configuration is incomplete or out of range")
	errEntropy = errors.New("firmware: random generator fails")
)

// stuck reports bytes that no working generator gives: 16 equal ones, which by
// chance come once in 2^120, or the same as the last time.
func stuck(salt, last *[16]byte) bool {
	return allAre(salt[:], salt[0]) || *salt == *last
}
