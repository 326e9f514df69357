#include "cdc/position_pg.h"

#include <cstring>

#include "base/base64.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

std::string bytesOfHex(const std::string& text) {
    std::string bytes(text.size() / 2, '\0');
    hexDecode(text, reinterpret_cast<uint8_t*>(bytes.data()));
    return bytes;
}

} // namespace

void loadMarks(const std::string& source, PartitionState& partition) {
    static pg::Statement load("select origin, encode(position, 'hex'), source_micros, encode(seen, 'hex') "
                              "from standin_private.cdc_position where source = $1 and topic = $2 and partition = $3");
    static pg::Statement loadForm("select flattened from standin_private.cdc_progress "
                                  "where source = $1 and topic = $2 and partition = $3");
    for (const pg::Row row : load.run(source, partition.topic, partition.partition)) {
        PositionMarks::Mark mark;
        mark.origin = row.get<std::string>(0);
        mark.position = bytesOfHex(row.get<std::string>(1));
        mark.micros = row.get<int64_t>(2);
        const std::string seen = bytesOfHex(row.get<std::string>(3));
        std::vector<uint64_t> identities(seen.size() / sizeof(uint64_t));
        std::memcpy(identities.data(), seen.data(), identities.size() * sizeof(uint64_t));
        mark.seen.assign(std::move(identities));
        partition.marks.load(std::move(mark));
    }
    for (const pg::Row row : loadForm.run(source, partition.topic, partition.partition))
        if (const auto flattened = row.optional<bool>(0))
            partition.form = partition.storedForm = *flattened ? RecordForm::Flattened : RecordForm::Envelope;
    partition.marksLoaded = true;
}

void storeMarks(const std::string& source, const PartitionState& partition) {
    static pg::Statement store(
        "insert into standin_private.cdc_position (source, topic, partition, origin, position, source_micros, seen) "
        "values ($1, $2, $3, $4, $5, $6, $7) on conflict (source, topic, partition, origin) do update set "
        "position = excluded.position, source_micros = excluded.source_micros, seen = excluded.seen");
    static pg::Statement storeForm("update standin_private.cdc_progress set flattened = $4 "
                                   "where source = $1 and topic = $2 and partition = $3");
    for (const PositionMarks::Mark& mark : partition.marks.marks())
        if (mark.changed) {
            const std::vector<uint64_t>& seen = mark.seen.all();
            store.run(source, partition.topic, partition.partition, mark.origin, pg::Bytea{mark.position}, mark.micros,
                      pg::Bytea{{reinterpret_cast<const char*>(seen.data()), seen.size() * sizeof(uint64_t)}});
        }
    if (partition.form != partition.storedForm)
        storeForm.run(source, partition.topic, partition.partition, partition.form == RecordForm::Flattened);
}

} // namespace standin::cdc
