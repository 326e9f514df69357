#include "cdc/target/row_mapper_pg.h"

#include <algorithm>

#include "cdc/mapping/keyed_hash.h"
#include "cdc/target/target_pg.h"
#include "pg/memory.h"
#include "pg/owner.h"
#include "pg/user_code.h"

extern "C" {
#include <access/xact.h>
#include <utils/fmgrprotos.h>
}

namespace standin::cdc {

namespace {

using Kind = ColumnMapping::Kind;

std::vector<std::string> confidentialFields(const TableConfig& config) {
    std::vector<std::string> fields;
    for (const ColumnMapping& mapping : config.columns) {
        if (mapping.kind == Kind::Drop)
            fields.push_back(mapping.name);
        else if (mapping.hides())
            fields.push_back(mapping.field.empty() ? mapping.name : mapping.field);
    }
    return fields;
}

bool isText(ColumnType type) { return type == ColumnType::Text || type == ColumnType::Char; }

/// Whether computed cells of the type are in the form in which keys compare.
bool comesCanonical(ColumnType type) {
    return type != ColumnType::Numeric && type != ColumnType::Interval && type != ColumnType::Other;
}

} // namespace

RowMapper::RowMapper(const TableConfig& config) : config_(config), redaction_(confidentialFields(config)) {}

void RowMapper::describe(Target& target, ColumnConversion* columns) {
    columns_ = columns;
    steps_.clear();
    constants_.reset();
    for (const ColumnMapping& mapping : config_.columns) {
        if (mapping.kind == Kind::Drop)
            target.dropped.push_back(mapping.name);
        else
            steps_.push_back(describeColumn(target, mapping));
    }
    hideConfidentialFields(target);
    for (size_t i = 0; i < target.columns.size(); ++i)
        for (size_t j = i + 1; j < target.columns.size() && target.columns[i].twin < 0; ++j)
            if (!target.columns[i].computed() && target.columns[i].fieldName() == target.columns[j].fieldName())
                target.columns[i].twin = static_cast<int32_t>(j);

    std::vector<ExpressionScope::Name> names;
    for (size_t i = 0; i < target.columns.size(); ++i) {
        const bool isExpression = std::any_of(steps_.begin(), steps_.end(), [i](const Step& step) {
            return step.column == i && step.mapping->kind == Kind::Expression;
        });
        if (!isExpression && target.columns[i].writable)
            names.push_back({target.columns[i].name, i});
    }
    filter_.reset();
    scope_ = std::make_unique<ExpressionScope>(std::move(names), columns_);
    hasUserCode_ = config_.rowFilter || std::any_of(steps_.begin(), steps_.end(), [](const Step& step) {
                       return step.mapping->kind == Kind::Expression;
                   });
    target.wholeDeletes = target.history || std::any_of(steps_.begin(), steps_.end(), [](const Step& step) {
                              return step.isKey && step.mapping->kind == Kind::Expression;
                          });
}

RowMapper::Step RowMapper::describeColumn(Target& target, const ColumnMapping& mapping) {
    const auto found = std::find_if(target.columns.begin(), target.columns.end(),
                                    [&](const TargetColumn& column) { return column.name == mapping.name; });
    if (found == target.columns.end())
        throw Error("42703", "table \"" + target.name + "\" has no column \"" + mapping.name + "\", which is mapped",
                    {}, "Call standin.cdc_column_unmap, or bring the column back.");
    TargetColumn& column = *found;
    Step step{&mapping, static_cast<uint16_t>(found - target.columns.begin())};
    step.isKey = target.isKey(step.column);
    column.field = mapping.field;
    switch (mapping.kind) {
    case Kind::Mask:
        step.mask.emplace(mapping.argument);
        break;
    case Kind::Constant:
        step.constant = constantCell(step.column, mapping.argument);
        break;
    case Kind::Metadata:
        step.metadata = metadataByName(mapping.argument);
        if (!step.metadata || !fits(*step.metadata, column.type))
            throw Error("42804",
                        "column \"" + mapping.name + "\" cannot store the metadata \"" + mapping.argument + "\"");
        break;
    case Kind::Hash:
        if (!config_.hashKey)
            throw Error("55000", "column \"" + mapping.name + "\" is hashed, and there is no key to hash with", {},
                        "Put it into the user mapping of standin_owner on the source's server, option "
                        "\"cdc.hash.key\".");
        break;
    default:
        break;
    }
    if (mapping.hides()) {
        if (mapping.field.empty())
            column.field = column.name;
        column.type = ColumnType::Text; // of what is decoded; what is stored goes through the type's input function
        column.scale = -1;
        column.confidential = true;
    } else if (step.isKey && column.computed() && !comesCanonical(column.type)) {
        target.comparableKey = false;
    }
    return step;
}

Cell RowMapper::constantCell(size_t column, const std::string& text) {
    ColumnConversion& conversion = columns_[column];
    if (isText(conversion.kind) || !comesCanonical(conversion.kind))
        return textCell(constants_.copy(text));
    return pg::call([&] {
        const Datum datum = InputFunctionCall(&conversion.input, const_cast<char*>(text.c_str()),
                                              conversion.inputParameter, conversion.typmod);
        return datumToCell(conversion, datum, constants_);
    });
}

/// A confidential field reaches columns that mask or hash it, and no other: whatever a table or a mapping says besides.
void RowMapper::hideConfidentialFields(Target& target) const {
    for (TargetColumn& column : target.columns)
        if (!column.confidential && !column.computed() && redaction_.isConfidential(column.fieldName()))
            column.field = "";
}

/// The text of a confidential value ends here.
void RowMapper::fill(const Step& step, const RecordPlace& place, const Event& event, Cell& cell, Arena& arena) const {
    const bool isText = cell.kind == CellKind::Text;
    switch (step.mapping->kind) {
    case Kind::Constant:
        cell = step.constant;
        break;
    case Kind::Metadata:
        cell = metadataCell(*step.metadata, target_->columns[step.column].type, place, event, arena);
        break;
    case Kind::Mask:
        if (!cell.given())
            break;
        if (const auto masked = isText ? step.mask->apply(cell.bytes()) : std::nullopt)
            cell = textCell(arena.copy(*masked));
        else
            cell.kind = CellKind::Null;
        break;
    case Kind::Hash:
        if (isText)
            cell = textCell(arena.copy((columns_[step.column].kind == ColumnType::Bytea ? "\\x" : "") +
                                       keyedHash(*config_.hashKey, cell.bytes())));
        else if (cell.given())
            cell.kind = CellKind::Null;
        break;
    default:
        break;
    }
}

Mapped RowMapper::map(TargetTable& table, Event& event, const Record& record, const kafka::Message& message,
                      const std::string& placeholder, Arena& arena) {
    target_ = &table.target();
    const std::string topic = message.topic();
    const RecordPlace place{topic, message.partition(), message.offset(), message.timestamp()};
    for (const Step& step : steps_) {
        fill(step, place, event, event.cells[step.column], arena);
        if (event.before)
            fill(step, place, event, event.before[step.column], arena);
    }
    Mapped outcome = Mapped::Kept;
    if (hasUserCode_)
        outcome = pg::inSubtransaction([&] {
            pg::requireUserRole(table.role(), "expressions of table " + table.name() + " are never run as");
            const pg::RoleScope role(table.role());
            XactReadOnly = true; // until the subtransaction ends: what is computed must not write
            const pg::TemporaryContext memory("pg_standin cdc expressions");
            const pg::MemoryContextScope scope(memory);
            prepareUserCode();
            return runUserCode(event, record, placeholder, arena);
        });
    if (outcome != Mapped::Skipped)
        finishKey(event);
    return outcome;
}

void RowMapper::prepareUserCode() {
    for (Step& step : steps_) {
        if (step.mapping->kind != Kind::Expression || step.expression)
            continue;
        step.expression =
            std::make_unique<Expression>(step.mapping->name, step.mapping->argument, *scope_, &columns_[step.column]);
        if (step.isKey && !target_->history)
            step.expression->requireImmutable();
    }
    if (config_.rowFilter && !filter_)
        filter_ = std::make_unique<Expression>("", *config_.rowFilter, *scope_, nullptr);
    usesEvent_ = (filter_ && filter_->usesEvent()) || std::any_of(steps_.begin(), steps_.end(), [](const Step& step) {
                     return step.expression && step.expression->usesEvent();
                 });
}

Mapped RowMapper::runUserCode(Event& event, const Record& record, const std::string& placeholder, Arena& arena) {
    const bool isDelete = event.operation == Operation::Delete;
    const bool isKeyed = !target_->key.empty() && !target_->history;
    Image now{event.cells, "after", record.value, false};
    if (isDelete) {
        // What a delete says besides the key may be filler: see EventDecoder::decode.
        const bool byKey = record.key && (isKeyed || !record.value);
        now = {event.cells, "before", byKey ? record.key : record.value, isKeyed && byKey};
    }
    const Image before{event.before, "before", event.beforeIsKey ? record.key : record.value, event.beforeIsKey};
    const Mapped outcome = filter_ ? filter(event, now, before, placeholder) : Mapped::Kept;
    if (outcome == Mapped::Skipped)
        return outcome;
    const bool keyOnly = isKeyed && event.operation == Operation::Delete;
    compute(now, keyOnly, placeholder, arena);
    if (before.cells)
        compute(before, isKeyed, placeholder, arena);
    return outcome;
}

Mapped RowMapper::filter(Event& event, const Image& now, const Image& before, const std::string& placeholder) {
    const bool isDelete = event.operation == Operation::Delete;
    const bool isKeyless = target_->key.empty() && !target_->history;
    if (isDelete && !(isKeyless && before.cells))
        return Mapped::Kept; // its image may be nothing but a key; and to lose a delete is worse than one too many
    const bool holds = !isDelete && filter_->holds(inputOf(now, placeholder));
    if (target_->history)
        return holds ? Mapped::Kept : Mapped::Skipped;
    if (!isKeyless) {
        if (!holds)
            event.operation = Operation::Delete;
        return holds ? Mapped::Kept : Mapped::Left;
    }
    const bool held = before.cells && filter_->holds(inputOf(before, placeholder));
    if (!holds && !held)
        return Mapped::Skipped;
    if (!held && event.operation == Operation::Update && before.cells)
        event.operation = Operation::Create; // it came into the filter: there is no row yet
    if (!holds)
        event.operation = Operation::Delete;
    return holds || isDelete ? Mapped::Kept : Mapped::Left;
}

void RowMapper::compute(const Image& image, bool keyOnly, const std::string& placeholder, Arena& arena) {
    const ExpressionInput input = inputOf(image, placeholder);
    for (const Step& step : steps_)
        if (step.expression && (step.isKey || !keyOnly))
            image.cells[step.column] = step.expression->evaluate(input, arena);
}

ExpressionInput RowMapper::inputOf(const Image& image, const std::string& placeholder) const {
    ExpressionInput input{image.cells, columns_, 0, true, false, image.keyOnly};
    if (!usesEvent_ || !image.record)
        return input;
    if (const auto row = redaction_.rowImage(*image.record, image.name)) {
        input.event = pg::call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(row->c_str())); });
        input.eventIsNull = false;
        input.eventIsWithheld = row->find(placeholder) != std::string::npos;
    }
    return input;
}

/// Keys that were computed must be there; of a row that goes only the key matters.
void RowMapper::finishKey(Event& event) const {
    if (target_->history || target_->key.empty())
        return;
    for (const uint16_t column : target_->key)
        if (event.cells[column].kind <= CellKind::Null)
            throw ValueError("23502", target_->columns[column].name,
                             "the event gives no value for this column of the primary key");
    if (event.operation != Operation::Delete)
        return;
    for (uint16_t i = 0; i < target_->columns.size(); ++i)
        if (!target_->isKey(i))
            event.cells[i] = {};
}

} // namespace standin::cdc
