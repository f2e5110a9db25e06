// Package sensor is the catalogue of device families and what a driver is.
//
// A driver turns the bytes of one kind of device into readings. It consists of
//
//   - a Decoder, which is pushed the bytes as they come, in any chunking, and
//     appends the readings that they complete to a batch;
//   - the settings of the line and how long it may be silent;
//   - a Simulator, which speaks the device's side, for tests and demonstrations.
//
// A family is a package of its own below this one: protocol, layout, what is
// and what is not read, and sources are in its package comment. Families do not
// import this package, so that a vendor can use one alone; the catalogue in
// catalogue.go names them. There is no registry: whoever has a driver of one's
// own fills in a Driver.
//
// What every family keeps to: a missing or impossible value is NaN with the
// status NotAvailable, never a number; a status that the device reports is a
// vital.Status of the readings it concerns; a wave has its true rate; a device
// that tells who it is gives an event EventIdentified; Time is left zero for the
// caller, who knows when the bytes came.
package sensor
