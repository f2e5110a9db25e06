// Package bbraun reads the infusion pumps of a B. Braun Space or CompactPlus rack
// through its ComDevice, which speaks BCC (Bedside Communication Controller). It
// reads only: BCC has four requests, all of which ask, and nothing else is ever sent.
//
// # Wiring and settings
//
// RS-232 through B. Braun's crossed cable 871 3237 (2 RXD, 3 TXD, 5 GND), 9600 8N1
// from the factory, up to 115200; or TCP, port 4001 of the ComDevice. At the website of
// the ComDevice, BCC has to be in request mode; which parameters it sends, their
// grouping, and character stuffing are set there too. Cyclic mode is understood.
//
// # Layout
//
//	01 length 02 bed /1/1> text 03|17 sum 04
//
// Length (of all of it) and sum (of all bytes from 01 to 03 or 17, modulo 256) are
// five decimal digits. 17 says that another block follows once this one is
// acknowledged (06); 15 asks for it again. The finished message is stuffed: D, E,
// d and e become EX, EE, ex and ee. Stuffing can be switched off; a message whose
// length is right one way cannot be right the other way, so both are read.
//
// A request is ADMIN:ALIVE (to bed "1"; the answer tells the real one, which every
// other request needs), ADMIN:VERSION, MEM:GET or MEM:GETSLOT#xy. An answer is
// quadruples "seconds,501xy,PARAMETER,value" between 1E: x is the pillar, y the slot
// from the bottom, 1 to 9 and A to O; 00 is the ComDevice. Values without value are
// _NV, or _NA for the moment; errors are GNERR.
//
// # What the host does
//
// ADMIN:ALIVE, stuffed and plain by turns every 3 s until it is answered; then
// ADMIN:VERSION, and MEM:GET every Interval (default 5 s; with Config.Pumps, MEM:GETSLOT
// for each). ACK comes 0.1 s after a block, a request not before 0.5 s after an
// answer. A block that fails its check is asked for again, three times; after 3 s
// without a byte, or 30 s without a block, the request is sent again; after three
// times, or three errors 68 (syntax), it begins anew. Blocks that come unasked are
// acknowledged, and the device is left alone for 10 s.
//
// # What is read
//
// The rate of the pump at 11, the first, is MDC_FLOW_FLUID_PUMP. IEEE 11073 codes
// do not tell pumps apart, so all else has a private code that does:
// 1024<<16 | 8000 | pillar<<11 | slot<<6 | n (8000 hexadecimal):
//
//	n   parameter     meaning                                       unit
//	0   INM1..13      modes, see below                              enumeration
//	1   INRT          rate                                          mL/h
//	2   INVI          volume infused                                mL
//	3   INVOLACT      volume left in the syringe                    mL
//	4   INRMT         time to the end of the infusion               s
//	5   INTIME        time of the infusion                          minutes
//	6   INBORT        rate of a bolus                               mL/h
//	7   INBOVAL       volume of the last bolus                      mL
//	8   INBOCNT       boli between two requests                     1
//	9   INSYR         size of the syringe                           mL
//	10  INDCON        concentration                                 that of 11
//	11  INDCONU       its unit, B. Braun's number                   enumeration
//	12  INDORT        dose rate                                     that of 13
//	13  INDORTU       its unit, B. Braun's number                   enumeration
//	14  INP1          pressure limit, level 0 to 8                  1
//	15  INP2          pressure, of that which raises the alarm      %
//	16  INSTBY        rest of standby                               minutes
//	17  INVTB         volume to be infused                          mL
//	18  INPSOLL       pressure value, level 0 to 8                  1
//	19  INAKKU        battery time                                  minutes
//	20  INAVRT        mean rate between two requests                mL/h
//	21  PATW, INPATW  weight that was entered                       kg
//	22  DSSTATUS      50 off, 51 on                                 enumeration
//	23  INSOLSN       short name of the drug                        enumeration, text
//	24  INSOL         long name of the drug, or its number          enumeration, text
//
// The lower half of the modes says which are on, the upper half which were told:
// bit 0 ready, 1 bolus, 2 pumping, 4 bolus released, 5 standby, 6 data lock, 7 mains,
// 9 KVO, 11 and 12 soft limit passed below and above, 13 dose mode (INDOCAL).
//
// Minutes have no unit here: the table of units has no code for them. Numbers keep
// their digits. _NV and _NA are NaN and NotAvailable; so is a time of 65535 s. What
// is no number, or out of the range of the specification, is Invalid besides. All
// quantities of a pump that was removed, or cannot be reached, are NaN and
// NotAvailable once.
//
//   - INA1 to 16 as technical vital.Alert at begin and end, of the rate of the pump:
//     pre-alarms low, others high (inferred: BCC gives no priority).
//   - GNERR of a pump or the rack as a technical alert of medium priority, until data
//     comes again.
//   - GNNEW, GNMODEL and INSERNUM as identification of a pump, and the version of BCC
//     as that of the ComDevice, when they are first told and when they change.
//
// Not read: who the patient or the nurse is (PATID and the like), parameters of drug
// libraries, TCI, PCA and automatic programming, the bit fields ALARM1 to STATUS2
// (which say the same), and the seconds, which count from when the device was
// switched on. A pump that is not in the answer any more, without an error, is just
// not read any more.
//
// # Errors on the line
//
// Frames counts messages; bad are those whose length, sum or form is wrong, and
// runs of bytes that belong to none. The sum is of eight bits and does not notice
// what adds up to nothing; the length notices bytes that were lost.
//
// # Sources
//
// B. Braun "Technical Interface Specification BCC" I0022_000030 4.0 (in
// KaiWU17TUM/icu_devices); mindleaving/patient-monitor-datalogger, also for slots of
// two digits. The sums and some lengths that the specification prints are wrong.
package bbraun
