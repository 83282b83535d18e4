// The protocol of transfers, as the pages use it.
export { parseCode, codeText, PairingHost, pairWith, receiveFiles as newIncoming, sendFiles as newOutgoing } from "../../../sdk/src/transfer/index";
