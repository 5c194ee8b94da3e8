-- Wireshark dissector for the ISO 8583 dialect unionpay-pos, made by `pointsman dialects unionpay-pos --wireshark`.
-- Put it into the folder of personal Lua plugins, or: wireshark -X lua_script:FILE

local dialect = { name = "unionpay-pos", header = "fixed", header_bytes = 11, mti = "bcd", bitmap = "binary", tertiary = "none" }

local fields = {
    [2] = { name = "Primary account number", type = "n..19", encoding = "bcd", prefix = "bcd", prefix_bytes = 1, counts = "value", pad = "right", filler = 0, sensitive = "pan" },
    [3] = { name = "Processing code", type = "n6", encoding = "bcd", length = 6, pad = "right", filler = 0, sensitive = "none" },
    [4] = { name = "Amount, transaction", type = "n12", encoding = "bcd", length = 12, pad = "right", filler = 0, sensitive = "none" },
    [5] = { name = "Amount, settlement", type = "n12", encoding = "bcd", length = 12, pad = "right", filler = 0, sensitive = "none" },
    [6] = { name = "Amount, cardholder billing", type = "n12", encoding = "bcd", length = 12, pad = "right", filler = 0, sensitive = "none" },
    [7] = { name = "Transmission date and time", type = "n10", encoding = "bcd", length = 10, pad = "right", filler = 0, sensitive = "none" },
    [8] = { name = "Amount, cardholder billing fee", type = "n8", encoding = "bcd", length = 8, pad = "right", filler = 0, sensitive = "none" },
    [9] = { name = "Conversion rate, settlement", type = "n8", encoding = "bcd", length = 8, pad = "right", filler = 0, sensitive = "none" },
    [10] = { name = "Conversion rate, cardholder billing", type = "n8", encoding = "bcd", length = 8, pad = "right", filler = 0, sensitive = "none" },
    [11] = { name = "POS trace number", type = "n6", encoding = "bcd", length = 6, pad = "right", filler = 0, sensitive = "none" },
    [12] = { name = "Time, local transaction", type = "n6", encoding = "bcd", length = 6, pad = "right", filler = 0, sensitive = "none" },
    [13] = { name = "Date, local transaction", type = "n4", encoding = "bcd", length = 4, pad = "right", filler = 0, sensitive = "none" },
    [14] = { name = "Date, expiration", type = "n4", encoding = "bcd", length = 4, pad = "right", filler = 0, sensitive = "none" },
    [15] = { name = "Date, settlement", type = "n4", encoding = "bcd", length = 4, pad = "right", filler = 0, sensitive = "none" },
    [16] = { name = "Date, conversion", type = "n4", encoding = "bcd", length = 4, pad = "right", filler = 0, sensitive = "none" },
    [17] = { name = "Date, capture", type = "n4", encoding = "bcd", length = 4, pad = "right", filler = 0, sensitive = "none" },
    [18] = { name = "Merchant type", type = "n4", encoding = "bcd", length = 4, pad = "right", filler = 0, sensitive = "none" },
    [19] = { name = "Country code, acquiring institution", type = "n3", encoding = "bcd", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [20] = { name = "Country code, primary account number", type = "n3", encoding = "bcd", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [21] = { name = "Country code, forwarding institution", type = "n3", encoding = "bcd", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [22] = { name = "POS entry mode", type = "n3", encoding = "bcd", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [23] = { name = "Card sequence number", type = "n3", encoding = "bcd", length = 3, pad = "left", filler = 0, sensitive = "none" },
    [24] = { name = "Network international identifier", type = "n3", encoding = "bcd", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [25] = { name = "Point of service condition code", type = "n2", encoding = "bcd", length = 2, pad = "right", filler = 0, sensitive = "none" },
    [26] = { name = "PIN capture code", type = "n2", encoding = "bcd", length = 2, pad = "right", filler = 0, sensitive = "none" },
    [27] = { name = "Authorization identification response length", type = "n1", encoding = "bcd", length = 1, pad = "right", filler = 0, sensitive = "none" },
    [28] = { name = "Amount, transaction fee", type = "x+n8", encoding = "ascii", length = 9, pad = "right", filler = 0, sensitive = "none" },
    [29] = { name = "Amount, settlement fee", type = "x+n8", encoding = "ascii", length = 9, pad = "right", filler = 0, sensitive = "none" },
    [30] = { name = "Amount, transaction processing fee", type = "x+n8", encoding = "ascii", length = 9, pad = "right", filler = 0, sensitive = "none" },
    [31] = { name = "Amount, settlement processing fee", type = "x+n8", encoding = "ascii", length = 9, pad = "right", filler = 0, sensitive = "none" },
    [32] = { name = "Acquiring institution identification code", type = "n..11", encoding = "bcd", prefix = "bcd", prefix_bytes = 1, counts = "value", pad = "right", filler = 0, sensitive = "none" },
    [33] = { name = "Forwarding institution identification code", type = "n..11", encoding = "bcd", prefix = "bcd", prefix_bytes = 1, counts = "value", pad = "right", filler = 0, sensitive = "none" },
    [34] = { name = "Primary account number, extended", type = "ns..28", encoding = "ascii", prefix = "bcd", prefix_bytes = 1, counts = "value", pad = "right", filler = 0, sensitive = "pan" },
    [35] = { name = "Track 2 data", type = "z..37", encoding = "bcd", prefix = "bcd", prefix_bytes = 1, counts = "value", pad = "right", filler = 0, sensitive = "track" },
    [36] = { name = "Track 3 data", type = "z...104", encoding = "bcd", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "track" },
    [37] = { name = "Retrieval reference number", type = "an12", encoding = "ascii", length = 12, pad = "right", filler = 0, sensitive = "none" },
    [38] = { name = "Authorization identification response", type = "an6", encoding = "ascii", length = 6, pad = "right", filler = 0, sensitive = "none" },
    [39] = { name = "Response code", type = "an2", encoding = "ascii", length = 2, pad = "right", filler = 0, sensitive = "none" },
    [40] = { name = "Service restriction code", type = "an3", encoding = "ascii", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [41] = { name = "Card acceptor terminal identification", type = "ans8", encoding = "ascii", length = 8, pad = "right", filler = 0, sensitive = "none" },
    [42] = { name = "Card acceptor identification code", type = "ans15", encoding = "ascii", length = 15, pad = "right", filler = 0, sensitive = "none" },
    [43] = { name = "Card acceptor name", type = "b40", encoding = "raw", length = 40, pad = "right", filler = 0, sensitive = "none" },
    [44] = { name = "Additional response data", type = "ans..25", encoding = "ascii", prefix = "bcd", prefix_bytes = 1, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [45] = { name = "Track 1 data", type = "ans..76", encoding = "ascii", prefix = "bcd", prefix_bytes = 1, counts = "value", pad = "right", filler = 0, sensitive = "track" },
    [46] = { name = "Additional data, terminal", type = "b...999", encoding = "raw", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [47] = { name = "Additional data, national", type = "b...999", encoding = "raw", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [48] = { name = "Totals and batch upload", type = "n...322", encoding = "bcd", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "secret" },
    [49] = { name = "Currency code, transaction", type = "an3", encoding = "ascii", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [50] = { name = "Currency code, settlement", type = "an3", encoding = "ascii", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [51] = { name = "Currency code, cardholder billing", type = "an3", encoding = "ascii", length = 3, pad = "right", filler = 0, sensitive = "none" },
    [52] = { name = "Personal identification number data", type = "b8", encoding = "raw", length = 8, pad = "right", filler = 0, sensitive = "secret" },
    [53] = { name = "Security control information", type = "n16", encoding = "bcd", length = 16, pad = "right", filler = 0, sensitive = "none" },
    [54] = { name = "Additional amounts", type = "an...120", encoding = "ascii", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [55] = { name = "Integrated circuit card data", type = "b...999", encoding = "raw", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "secret" },
    [56] = { name = "Response text", type = "b...999", encoding = "raw", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [57] = { name = "Reserved for national use", type = "ans...999", encoding = "ascii", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [58] = { name = "Electronic purse data", type = "ans...999", encoding = "ascii", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [59] = { name = "Private TLV data", type = "b...999", encoding = "raw", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [60] = { name = "Transaction type, batch, network code", type = "n...30", encoding = "bcd", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [61] = { name = "Original message data", type = "n...29", encoding = "bcd", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [62] = { name = "Working keys, parameters, serial number", type = "b...999", encoding = "raw", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "secret" },
    [63] = { name = "Operator, institution, text", type = "b...999", encoding = "raw", prefix = "bcd", prefix_bytes = 2, counts = "value", pad = "right", filler = 0, sensitive = "text" },
    [64] = { name = "Message authentication code", type = "b8", encoding = "raw", length = 8, pad = "right", filler = 0, sensitive = "none" },
}

-- What follows is the same for every dialect.

local filter = "iso8583_" .. dialect.name:lower():gsub("[^%w]", "_")
local proto = Proto(filter, "ISO 8583 (" .. dialect.name .. ")")

-- The framings by the numbers of the preference: bytes of the length, and how it is read.
local framings = {
    { 1, "binary-2", 1 }, { 2, "binary-2-inclusive", 2 }, { 3, "binary-4", 3 }, { 4, "ascii-4", 4 },
    { 5, "bcd-2", 5 }, { 6, "none", 6 },
}
local prefix_bytes = { 2, 2, 4, 4, 2, 0 }
proto.prefs.ports = Pref.range("TCP ports", "8583", "Ports on which this dialect is spoken", 65535)
proto.prefs.framing = Pref.enum("Framing", 1, "How messages are told apart on a stream", framings, false)
proto.prefs.tpdu = Pref.bool("TPDU", false, "Each frame starts with a five-byte TPDU")
proto.prefs.unmask = Pref.bool("Show card data", false, "Card numbers, tracks, PIN blocks and codes as they are")

local f_length = ProtoField.uint32(filter .. ".length", "Length")
local f_tpdu = ProtoField.bytes(filter .. ".tpdu", "TPDU")
local f_header = ProtoField.bytes(filter .. ".header", "Header")
local f_mti = ProtoField.string(filter .. ".mti", "Message type")
local f_bitmap = ProtoField.string(filter .. ".bitmap", "Bitmap")
local all = { f_length, f_tpdu, f_header, f_mti, f_bitmap }
for number, field in pairs(fields) do
    field.proto = ProtoField.string(filter .. ".f" .. number, number .. " " .. field.name, field.type)
    table.insert(all, field.proto)
end
proto.fields = all
local malformed = ProtoExpert.new(filter .. ".malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
proto.experts = { malformed }

-- Digits as they stand on the wire; nil if they are none.
local function digit(byte, encoding)
    local value = byte - (encoding == "ebcdic" and 0xF0 or 0x30)
    if value >= 0 and value <= 9 then return value end
    return nil
end

local function number_of(range, encoding)
    local number = 0
    for at = 0, range:len() - 1 do
        local byte = range:range(at, 1):uint()
        if encoding == "bcd" then
            local high, low = math.floor(byte / 16), byte % 16
            if high > 9 or low > 9 then return nil end
            number = number * 100 + high * 10 + low
        elseif encoding == "ascii" or encoding == "ebcdic" then
            local value = digit(byte, encoding)
            if not value then return nil end
            number = number * 10 + value
        else
            number = number * 256 + byte
        end
    end
    return number
end

local hex = "0123456789ABCDEF"
local function nibble_text(nibble) return hex:sub(nibble + 1, nibble + 1) end

local function packed_text(range, field, digits)
    local text = ""
    for at = 0, range:len() - 1 do
        local byte = range:range(at, 1):uint()
        text = text .. nibble_text(math.floor(byte / 16)) .. nibble_text(byte % 16)
    end
    if digits % 2 == 0 then return text end
    if field.pad == "left" then return text:sub(2) end
    return text:sub(1, -2)
end

local ebcdic = {
    ["ebcdic"] = ENC_EBCDIC_CP500 or ENC_EBCDIC,
    ["ebcdic-037"] = ENC_EBCDIC_CP037 or ENC_EBCDIC,
    ["ebcdic-1047"] = ENC_EBCDIC,
}

local function text_of(range, field, units)
    if range:len() == 0 then return "" end
    if field.encoding == "bcd" then return packed_text(range, field, units) end
    if field.encoding == "raw" then return range:bytes():tohex() end
    if ebcdic[field.encoding] then return range:string(ebcdic[field.encoding]) end
    return range:string(ENC_ISO_8859_1)
end

local function hide(text) return ("*"):rep(#text) end

local function masked_pan(text)
    if #text >= 13 then return text:sub(1, 6) .. hide(text:sub(7, -5)) .. text:sub(-4) end
    if #text > 8 then return hide(text:sub(1, -5)) .. text:sub(-4) end
    return hide(text)
end

-- What people may see, unless the preference says otherwise.
local function shown(text, field)
    if proto.prefs.unmask or field.sensitive == "none" then return text end
    if field.sensitive == "pan" then return masked_pan(text) end
    if field.sensitive == "track" and field.type:sub(1, 1) == "z" then
        local pan, separator, rest = text:match("^(%d+)([=D])(.*)$")
        if pan and #pan >= 13 and #pan <= 19 then
            return masked_pan(pan) .. separator .. rest:gsub("[^=D]", "*")
        end
        return hide(text)
    end
    if field.sensitive == "text" then
        -- Which digits among others are a card number is not worked out here: so all are hidden where one may be.
        if text:find("%d%d%d%d%d%d%d%d%d%d%d%d%d") or field.type:sub(1, 1) == "b" then
            return (text:gsub("[%dA-F]", "*"))
        end
        return text
    end
    return hide(text)
end

-- The 64 bits of a bitmap as text of hex digits, or nil.
local function bitmap_text(range)
    if dialect.bitmap == "binary" then return range:bytes():tohex() end
    local text = ""
    for at = 0, 15 do
        local byte = range:range(at, 1):uint()
        local character
        if dialect.bitmap ~= "ebcdic-hex" then
            character = string.char(byte)
        elseif byte >= 0xF0 and byte <= 0xF9 then
            character = string.char(byte - 0xF0 + 0x30)
        elseif byte >= 0xC1 and byte <= 0xC6 then
            character = string.char(byte - 0xC1 + 0x41)
        elseif byte >= 0x81 and byte <= 0x86 then
            character = string.char(byte - 0x81 + 0x41)
        end
        if not character or not tonumber(character, 16) then return nil end
        text = text .. character:upper()
    end
    return text
end

local function announced(text, first, numbers)
    for at = 1, #text do
        local nibble = tonumber(text:sub(at, at), 16)
        for bit = 0, 3 do
            if math.floor(nibble / 2 ^ (3 - bit)) % 2 == 1 then
                table.insert(numbers, first + (at - 1) * 4 + bit)
            end
        end
    end
end

-- A place in the message that moves on; `take` gives nil where it ends.
local function cursor(tvb, offset)
    local self = { offset = offset }
    function self.left() return tvb:len() - self.offset end
    function self.take(count)
        if count > self.left() then return nil end
        if count == 0 then return tvb:range(0, 0) end
        local range = tvb:range(self.offset, count)
        self.offset = self.offset + count
        return range
    end
    return self
end

-- The count of units that a prefix announces, and the bytes that they take.
local function lengths(field, prefix)
    if not prefix then
        local units = field.length
        if field.encoding == "bcd" then return units, math.ceil(units / 2) end
        if field.encoding == "hex" then return units, units * 2 end
        return units, units
    end
    local length = number_of(prefix, field.prefix)
    if not length then return nil end
    if field.counts == "element" then length = length - prefix:len() end
    if length < 0 then return nil end
    if field.encoding ~= "bcd" then return length, length end
    if field.counts == "value" then return length, math.ceil(length / 2) end
    return length * 2, length
end

local function dissect_field(at, number, tree)
    local field = fields[number]
    if not field then return "field " .. number .. " is not defined in " .. dialect.name end
    local start = at.offset
    local prefix
    if not field.length then
        prefix = at.take(field.prefix_bytes)
        if not prefix then return "field " .. number .. " has no length" end
    end
    local units, bytes = lengths(field, prefix)
    if not units then return "field " .. number .. " has a length that is none" end
    local range = at.take(bytes)
    if not range then
        return "field " .. number .. " needs " .. bytes .. " bytes, " .. at.left() .. " are left"
    end
    -- Where bytes are counted, a filler that is no digit tells that there is one digit less.
    if field.encoding == "bcd" and field.counts ~= "value" and field.filler == 15 and bytes > 0 then
        local first, last = range:range(0, 1):uint(), range:range(bytes - 1, 1):uint()
        if (field.pad == "left" and math.floor(first / 16) == 15)
            or (field.pad == "right" and last % 16 == 15) then
            units = units - 1
        end
    end
    local text = text_of(range, field, units)
    tree(field.proto, start, at.offset - start, shown(text, field))
    return nil, text
end

local function dissect_message(tvb, pinfo, tree, offset)
    pinfo.cols.protocol = "ISO8583"
    local at = cursor(tvb, offset)
    local function fail(message)
        tree:add_proto_expert_info(malformed, message .. " (byte " .. at.offset - offset .. ")")
        pinfo.cols.info:append(" [" .. message .. "]")
    end
    local more = dialect.header_bytes > 0
    while more do
        local length = dialect.header_bytes
        more = false
        if dialect.header == "visa" and at.left() >= 2 then
            -- BASE I: field 1 is the length of the header, the first bit of field 2 says that another one follows.
            length = tvb:range(at.offset, 1):uint()
            more = tvb:range(at.offset + 1, 1):uint() >= 0x80 and at.offset == offset
        end
        local header = length > 0 and at.take(length)
        if not header then return fail("no whole header") end
        tree:add(f_header, header)
    end
    local range = at.take(dialect.mti == "bcd" and 2 or 4)
    if not range then return fail("no whole message type") end
    local mti = range:bytes():tohex()
    if dialect.mti == "ascii" then mti = range:string() end
    if dialect.mti == "ebcdic" then mti = range:string(ENC_EBCDIC) end
    tree:add(f_mti, range, mti)
    local numbers = {}
    -- Reads the bitmap whose first bit stands for the field `first`. Nil: it is not there.
    local function take_bitmap(first)
        local bits = at.take(dialect.bitmap == "binary" and 8 or 16)
        local text = bits and bitmap_text(bits)
        if not text then return nil end
        tree:add(f_bitmap, bits, text)
        announced(text, first, numbers)
        return true
    end
    if not take_bitmap(1) then return fail("no whole bitmap") end
    if numbers[1] == 1 and not take_bitmap(65) then return fail("no whole bitmap") end
    if dialect.tertiary == "contiguous" then
        for place, number in ipairs(numbers) do
            if number == 65 then
                table.remove(numbers, place)
                if not take_bitmap(129) then return fail("no whole bitmap") end
                break
            end
        end
    end
    local info = mti
    -- A third bitmap that stands where a field 65 would adds to the list that is gone through.
    for _, number in ipairs(numbers) do
        if number == 65 and dialect.tertiary == "field-65" then
            if not take_bitmap(129) then return fail("no whole bitmap") end
        elseif number ~= 1 then
            local function add(field, start, length, value)
                tree:add(field, tvb:range(start, length), value)
            end
            local problem, text = dissect_field(at, number, add)
            if problem then
                pinfo.cols.info:append(" " .. info)
                return fail(problem)
            end
            if number == 11 then info = info .. " STAN " .. text end
            if number == 39 then info = info .. " RC " .. text end
        end
    end
    pinfo.cols.info:append(" " .. info)
    if at.left() > 0 then fail(at.left() .. " bytes too many") end
end

-- The length of a whole frame.
local function frame_length(tvb, _, offset)
    local framing = proto.prefs.framing
    local prefix = tvb:range(offset, prefix_bytes[framing])
    local length
    if framing == 4 then
        length = number_of(prefix, "ascii")
    elseif framing == 5 then
        length = number_of(prefix, "bcd")
    else
        length = prefix:uint()
    end
    -- What is no length is shown as what it is: one frame of all that is there.
    if not length or length > 65535 then return tvb:len() - offset end
    if framing == 2 then return math.max(length, 2) end
    return length + prefix_bytes[framing]
end

local function dissect_frame(tvb, pinfo, root)
    local tree = root:add(proto, tvb:range(), "ISO 8583, " .. dialect.name)
    local offset = prefix_bytes[proto.prefs.framing]
    if offset > 0 then
        tree:add(f_length, tvb:range(0, offset), frame_length(tvb, pinfo, 0) - offset)
        -- A keep-alive.
        if tvb:len() <= offset then return tvb:len() end
    end
    if proto.prefs.tpdu and tvb:len() >= offset + 5 then
        tree:add(f_tpdu, tvb:range(offset, 5))
        offset = offset + 5
    end
    dissect_message(tvb, pinfo, tree, offset)
    return tvb:len()
end

function proto.dissector(tvb, pinfo, root)
    pinfo.cols.info = ""
    local header = prefix_bytes[proto.prefs.framing]
    if header == 0 then return dissect_frame(tvb, pinfo, root) end
    dissect_tcp_pdus(tvb, root, header, frame_length, dissect_frame)
    return tvb:len()
end

local tcp = DissectorTable.get("tcp.port")
local ports = proto.prefs.ports
tcp:add(ports, proto)
function proto.prefs_changed()
    if ports ~= proto.prefs.ports then
        tcp:remove(ports, proto)
        ports = proto.prefs.ports
        tcp:add(ports, proto)
    end
end
