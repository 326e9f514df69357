#include "cdc/target/coalesce.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "base/hash.h"

namespace standin::cdc {

namespace {

std::string_view keyText(const TargetColumn& column, const Cell& cell) {
    std::string_view text = cell.bytes();
    if (column.type == ColumnType::Char)
        text.remove_suffix(text.size() - std::min(text.size(), text.find_last_not_of(' ') + 1));
    return text;
}

const DecimalCell& decimalOf(const Cell& cell) { return *reinterpret_cast<const DecimalCell*>(cell.data); }

/// The digits and what they are worth, not how many zeros are shown: 1.0 and 1.00 are one key.
std::string_view digitsOf(const DecimalCell& cell) {
    return {reinterpret_cast<const char*>(cell.digits()), cell.count * sizeof(int16_t)};
}

/// The form in which equal values have equal cells.
bool isCanonical(const TargetColumn& column, const Cell& cell) {
    switch (column.type) {
    case ColumnType::Text:
    case ColumnType::Char:
        return cell.kind == CellKind::Text;
    case ColumnType::Uuid:
    case ColumnType::Bytea:
        return cell.kind == CellKind::Bytes;
    case ColumnType::Numeric:
        return cell.kind == CellKind::Numeric;
    case ColumnType::Float4:
    case ColumnType::Float8:
    case ColumnType::Interval:
    case ColumnType::Other:
        return false;
    default:
        return cell.kind == CellKind::Value;
    }
}

uint64_t mixBytes(uint64_t hash, std::string_view bytes) { return hashMix(hash, std::hash<std::string_view>{}(bytes)); }

uint64_t hashKey(const Target& target, const Cell* cells) {
    uint64_t hash = 0x2545F4914F6CDD1Dull;
    for (const uint16_t column : target.key) {
        const Cell& cell = cells[column];
        if (cell.kind == CellKind::Value)
            hash = hashMix(hash, static_cast<uint64_t>(cell.value) + 1);
        else if (cell.kind == CellKind::Numeric)
            hash = mixBytes(hashMix(hash, static_cast<uint16_t>(decimalOf(cell).weight)), digitsOf(decimalOf(cell)));
        else
            hash = mixBytes(hash, keyText(target.columns[column], cell));
    }
    return hash;
}

int sign(auto left, auto right) { return left < right ? -1 : left > right; }

int compareCells(const TargetColumn& column, const Cell& left, const Cell& right) {
    if (left.kind == CellKind::Value)
        return sign(left.value, right.value);
    if (left.kind != CellKind::Numeric)
        return keyText(column, left).compare(keyText(column, right));
    const DecimalCell& a = decimalOf(left);
    const DecimalCell& b = decimalOf(right);
    if (a.sign != b.sign)
        return sign(static_cast<uint16_t>(b.sign), static_cast<uint16_t>(a.sign));
    if (a.weight != b.weight)
        return sign(a.weight, b.weight);
    return digitsOf(a).compare(digitsOf(b));
}

ChangeKind kindOf(const Target& target, const Change& change) {
    if (target.history)
        return ChangeKind::Append;
    if (change.operation == Operation::Delete)
        return ChangeKind::Delete;
    return target.key.empty() && change.operation != Operation::Update ? ChangeKind::Append : ChangeKind::Upsert;
}

/// A history has no earlier row of the key that would keep the value: there it is null.
void forgetWithheld(const Target& target, Cell* cells) {
    for (size_t i = 0; i < target.columns.size(); ++i)
        if (cells[i].kind == CellKind::Unavailable)
            cells[i].kind = CellKind::Null;
}

} // namespace

bool sameCell(const TargetColumn& column, const Cell& left, const Cell& right) {
    if (left.kind != right.kind || !left.given())
        return false;
    if (left.kind == CellKind::Null)
        return true;
    if (left.kind != CellKind::Array)
        return compareCells(column, left, right) == 0;
    const auto* elements = reinterpret_cast<const Cell*>(left.data);
    return left.size == right.size &&
           std::equal(elements, elements + left.size, reinterpret_cast<const Cell*>(right.data),
                      [&](const Cell& one, const Cell& other) { return sameCell(*column.element, one, other); });
}

bool sameKey(const Target& target, const Cell* left, const Cell* right) {
    return std::all_of(target.key.begin(), target.key.end(),
                       [&](uint16_t column) { return sameCell(target.columns[column], left[column], right[column]); });
}

int compareKeys(const Target& target, const Cell* left, const Cell* right) {
    for (const uint16_t column : target.key)
        if (const int order = compareCells(target.columns[column], left[column], right[column]); order != 0)
            return order;
    return 0;
}

uint32_t* Coalescer::slotFor(const Target& target, const Cell* cells) {
    const size_t mask = slots_.size() - 1;
    for (size_t at = hashKey(target, cells) & mask;; at = (at + 1) & mask)
        if (slots_[at] == 0 || compareKeys(target, nets_[slots_[at] - 1].cells, cells) == 0)
            return &slots_[at];
}

void Coalescer::merge(const Target& target, NetChange& net, const Change& change, Arena& arena) {
    if (change.operation == Operation::Delete) {
        net.kind = ChangeKind::Delete;
        net.cells = change.cells;
        return;
    }
    if (net.kind == ChangeKind::Delete) {
        net.kind = ChangeKind::Replace;
        net.cells = change.cells;
        return;
    }
    const size_t count = target.columns.size();
    if (std::all_of(change.cells, change.cells + count, [](const Cell& cell) { return cell.given(); })) {
        net.cells = change.cells;
        return;
    }
    Cell* merged = arena.allocateArray<Cell>(count);
    for (size_t i = 0; i < count; ++i)
        merged[i] = change.cells[i].given() || net.cells[i].kind == CellKind::Absent ? change.cells[i] : net.cells[i];
    net.cells = merged;
}

std::span<const NetChange> Coalescer::run(const Target& target, std::span<const Change* const> changes, Arena& arena) {
    nets_.clear();
    nets_.reserve(changes.size());
    distinct_ = target.comparableKey && !target.history && !target.key.empty() &&
                std::all_of(changes.begin(), changes.end(), [&](const Change* change) {
                    return std::all_of(target.key.begin(), target.key.end(), [&](uint16_t column) {
                        return isCanonical(target.columns[column], change->cells[column]);
                    });
                });
    if (!distinct_) {
        for (uint32_t i = 0; i < changes.size(); ++i) {
            if (target.history)
                forgetWithheld(target, changes[i]->cells);
            nets_.push_back({kindOf(target, *changes[i]), i, 1, changes[i]->cells, changes[i]->before});
        }
        return nets_;
    }
    slots_.assign(std::bit_ceil(changes.size() * 2 + 1), 0);
    for (uint32_t i = 0; i < changes.size(); ++i) {
        uint32_t* slot = slotFor(target, changes[i]->cells);
        if (*slot == 0) {
            nets_.push_back({kindOf(target, *changes[i]), i, 1, changes[i]->cells});
            *slot = static_cast<uint32_t>(nets_.size());
            continue;
        }
        NetChange& net = nets_[*slot - 1];
        merge(target, net, *changes[i], arena);
        net.last = i;
        ++net.count;
    }
    const auto less = [&](const NetChange& a, const NetChange& b) { return compareKeys(target, a.cells, b.cells) < 0; };
    if (!std::is_sorted(nets_.begin(), nets_.end(), less))
        std::sort(nets_.begin(), nets_.end(), less);
    STANDIN_ASSERT(std::adjacent_find(nets_.begin(), nets_.end(), [&](const auto& a, const auto& b) {
                       return !less(a, b);
                   }) == nets_.end()); // a key comes once
    return nets_;
}

} // namespace standin::cdc
