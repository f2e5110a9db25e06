// Package machine starts emulated computers under QEMU: gateways that run Debian's
// ARM kernels, and boards with a microcontroller.
//
// The vocabulary:
//
//   - A Kernel is what scripts/kernels unpacked: an image, and modules of which
//     those that are needed, with what they need, go into an initramfs.
//   - A Machine is one running QEMU. Its console comes as lines; QMP, the QEMU
//     Machine Protocol, plugs and unplugs what it has. Kill takes its power away.
//
// Everything runs below one temporary directory of the caller; sockets are unix
// sockets there, which QEMU connects to and the caller listens on, so that nothing
// has to wait for a socket to appear.
package machine
