// Package firmware is what a sensor's own microcontroller runs to seal its
// readings at the source: it batches them, seals them under the device's
// Ed25519 key and pre-shared key (package seal), keeps the envelopes until the
// gateway has them durably (package link), and remembers in flash how often it
// has started, so that no nonce and no key ever comes back.
//
// The vocabulary:
//
//   - The slot is three pages of flash. FORMAT.md beside this file says what
//     is in them, in which order they are written, and what a power cut leaves.
//   - Provisioning is the first page: the site's name, the seed of the device's
//     signing key, and generation 0 of its pre-shared key. The site's command
//     makes it (AppendProvision); it is written once, before the device leaves
//     the bench.
//   - The boot log is the other two pages: one record for each anchor.
//
// A vendor supplies what the package cannot have: a Slot, Entropy, bytes to and
// from a UART, and milliseconds of uptime. PORTING.md says what each of them has
// to promise.
//
// # Provisioning a device
//
// Whoever holds the site's directory enrols the device with a pre-shared key
// (identity.Site.AddDevice with DeviceOptions.PreShared), then
//
//	image, err := firmware.AppendProvision(nil, site, &seed, &psk)
//
// with the seed of the device's Ed25519 key and K_dev[0]. The image is
// ProvisionSize bytes, to be written where the slot begins, with the rest of the
// slot erased: 0xff. SlotSize says how long the slot is. The image is a secret:
// whoever has it is the device. A device that sealed before must not be given
// its image again; that would be refused for as long as its boot log is there,
// and begin again at boot 1 if the log were erased as well. Revoke it, and enrol
// it anew.
//
// The package runs on microcontrollers: no time, no goroutines, no maps, no
// reflection, and no heap after Open.
package firmware
